"""Videos out: MP4, GIF or a folder of PNGs, and JSON lists; all whole or not at all.

A writer fills a temporary neighbour of its target, frame by frame, and gives it the target's name
when it is closed. Used as a context it closes at the end, and throws the half away on an error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from PIL import GifImagePlugin, Image

from c2fseg.utils.atomic_backend import TEMPORARY_SUFFIX
from c2fseg.visualization.image_io import writable_folder, write_png

DEFAULT_FPS = 10.0
FRAME_FILE = re.compile(r'(\d{6})\.png')


class WholeWriter:
    """A file or folder under way.

    Args:
        path: The target; its folder is made where it is missing.

    Raises:
        OSError: The folder cannot be written to.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path).expanduser()
        writable_folder(self.path.parent)
        # The suffix stays last: it tells OpenCV the container.
        name = f'{self.path.stem}.{os.getpid()}{TEMPORARY_SUFFIX}{self.path.suffix}'
        self.temporary = self.path.with_name(name)
        self.count = 0

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def close(self) -> None:
        """Finish, and give the file its name.

        Raises:
            OSError: It could not be written.
        """
        try:
            self._finish()
            os.replace(self.temporary, self.path)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Throw away what was written; a former file at the target stays."""
        self._stop()
        self.temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._stop()

    def _stop(self) -> None:
        """Let go of the file; may be called more than once."""


class Mp4Writer(WholeWriter):
    """An MP4 file (MPEG-4, OpenCV's ``mp4v``).

    Sides become even, as the format wants: an odd one gets its last row or column twice.

    Args:
        path: The target.
        fps: Frames a second.
    """

    def __init__(self, path: str | os.PathLike, fps: float) -> None:
        super().__init__(path)
        self.fps = fps
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: np.ndarray) -> None:
        """Add a frame, (H, W, 3) uint8 RGB.

        Raises:
            OSError: OpenCV cannot write such a file here.
        """
        height, width = frame.shape[:2]
        if height % 2 or width % 2:
            border = (0, height % 2, 0, width % 2)
            frame = cv2.copyMakeBorder(frame, *border, cv2.BORDER_REPLICATE)
        if self._writer is None:
            size = (frame.shape[1], frame.shape[0])
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(str(self.temporary), code, self.fps, size)
            if not self._writer.isOpened():
                raise OSError(
                    f'{self.path} cannot be written: this OpenCV has no MPEG-4 encoder, or the '
                    'disk is full; write a GIF or a folder of PNGs instead'
                )
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self.count += 1

    def _stop(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def _finish(self) -> None:
        self._stop()
        # OpenCV reports no failure of a write: count what arrived.
        check = cv2.VideoCapture(str(self.temporary))
        arrived = int(check.get(cv2.CAP_PROP_FRAME_COUNT))
        check.release()
        if arrived < self.count:
            raise OSError(
                f'{self.path}: {self.count} frames were written, {arrived} arrived in the file; is '
                'the disk full?'
            )


class GifWriter(WholeWriter):
    """An animated GIF with a palette of its own for every frame, written frame by frame.

    Pillow's own ``save_all`` holds all frames in memory until the last.

    Args:
        path: The target.
        fps: Frames a second; kept on the whole, as a delay is a whole number of 10 ms.
    """

    def __init__(self, path: str | os.PathLike, fps: float) -> None:
        super().__init__(path)
        self.fps = fps
        self._file: IO[bytes] = self.temporary.open('wb')

    def write(self, frame: np.ndarray) -> None:
        """Add a frame, (H, W, 3) uint8 RGB."""
        image = Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE)
        if not self.count:
            screen = struct.pack('<HHBBB', image.width, image.height, 0, 0, 0)
            forever = b'!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00'
            self._file.write(b'GIF89a' + screen + forever)
        ends = [round(100 * (self.count + i) / self.fps) for i in (0, 1)]
        delay = 10 * max(1, ends[1] - ends[0])  # ms
        data = GifImagePlugin.getdata(image, duration=delay, include_color_table=True)
        self._file.write(b''.join(data))
        self.count += 1

    def _finish(self) -> None:
        self._file.write(b';')
        self._stop()

    def _stop(self) -> None:
        self._file.close()


class FolderWriter(WholeWriter):
    """A folder of ``000000.png``, ``000001.png``, ...

    A folder that is there keeps its other files; numbered frames of a former, longer video go.

    Args:
        path: The target.
        fps: Not kept: pictures have no rate.
    """

    def __init__(self, path: str | os.PathLike, fps: float) -> None:
        super().__init__(path)
        del fps
        if self.path.exists():
            writable_folder(self.path)
        self.temporary.mkdir(exist_ok=True)

    def write(self, frame: np.ndarray) -> None:
        """Add a frame, (H, W, 3) uint8 RGB."""
        write_png(self.temporary / f'{self.count:06d}.png', frame)
        self.count += 1

    def close(self) -> None:
        """Move the frames to their place."""
        self.path.mkdir(exist_ok=True)
        for path in sorted(self.temporary.iterdir()):
            os.replace(path, self.path / path.name)
        for path in self.path.iterdir():
            match = FRAME_FILE.fullmatch(path.name)
            if match and int(match[1]) >= self.count:
                path.unlink()
        self.temporary.rmdir()

    def discard(self) -> None:
        """Throw away what was written."""
        shutil.rmtree(self.temporary, ignore_errors=True)


class EntryWriter(WholeWriter):
    """A JSON list, one entry a line.

    Args:
        path: The target, ``.json``.

    Raises:
        ValueError: The path has another suffix, or is a folder.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        if Path(path).suffix != '.json' or Path(path).is_dir():
            raise ValueError(f'The mask file must be a file that ends in .json, got {str(path)!r}')
        super().__init__(path)
        self._file: IO[str] = self.temporary.open('w', encoding='utf-8')
        self._file.write('[\n')

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add an entry that JSON can hold."""
        self._file.write((',\n' if self.count else '') + json.dumps(entry, allow_nan=False))
        self.count += 1

    def _finish(self) -> None:
        self._file.write('\n]\n')
        self._stop()

    def _stop(self) -> None:
        self._file.close()


FrameWriter = Mp4Writer | GifWriter | FolderWriter


def open_writer(out: str | os.PathLike, fps: float | None = None) -> FrameWriter:
    """Choose the writer by the name of the target.

    Args:
        out: ``.mp4``, ``.gif``, or a folder (a name without suffix, or a folder that is there).
        fps: Frames a second, None for 10.

    Returns:
        The writer.

    Raises:
        ValueError: Another suffix, or ``fps`` is not positive.
        OSError: The target cannot be written to.
    """
    path = Path(out).expanduser()
    fps = DEFAULT_FPS if fps is None else float(fps)
    if not 0 < fps <= 1000:
        raise ValueError(f'fps must lie in (0, 1000], got {fps}')
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        return FolderWriter(path, fps)
    if suffix not in ('.mp4', '.gif'):
        raise ValueError(
            f'{path}: videos are written as .mp4, as .gif, or as PNGs into a folder (a name '
            f'without suffix), not as {path.suffix}'
        )
    return Mp4Writer(path, fps) if suffix == '.mp4' else GifWriter(path, fps)
