"""Videos in: files, GIFs, folders of frames and arrays, read frame by frame."""

from __future__ import annotations

import glob
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from c2fseg.apis.frame_files import MOVI_FRAME, find_gap, list_frames, natural_key
from c2fseg.apis.inputs import IMAGE_SUFFIXES, is_camera
from c2fseg.datasets.image_io import read_rgb

VIDEO_SUFFIXES = ('.avi', '.gif', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm')
VIDEO_FORMS = (
    f'a video file ({", ".join(VIDEO_SUFFIXES)}), a folder, glob pattern or list of frame files, '
    "an array (T, H, W, 3), an iterable of frames (H, W, 3), or a webcam (0 or 'webcam:0')"
)
# EXIF orientations that swap height and width.
TURNED = (5, 6, 7, 8)
# Frames of a GIF whose delays tell its rate: a delay is a whole number of 10 ms.
DELAYS_READ = 24


class BreakOff(Exception):
    """A video cannot be read any further; the message says why."""


class Video(ABC):
    """Frames of one size, read in order, once.

    A video that cannot be read to its end gives the frames before the damage, and ``broken_off``
    then tells how many were read of how many, and why. Subclasses implement ``_read``.

    Args:
        name: Path, or ``'video'`` for arrays.
        fps: Frames a second, None where nothing tells.
        num_frames: Frames that it announces, None where nothing tells.
        exact: Whether ``num_frames`` is counted; a header only estimates.
        frame_names: Names of the T frame files, None for other videos.
    """

    def __init__(
        self,
        name: str,
        fps: float | None = None,
        num_frames: int | None = None,
        exact: bool = False,
        frame_names: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.fps = fps
        self.num_frames = num_frames
        self.exact = exact
        self.frame_names = None if frame_names is None else list(frame_names)
        self.broken_off: str | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        """Read the frames.

        Yields:
            (H, W, 3) uint8 RGB.

        Raises:
            OSError: Not a single frame can be read.
            ValueError, TypeError: A frame is of another size than the first, or no RGB picture.
        """
        count, size, reason = 0, None, None
        try:
            for frame in self._read():
                _check_frame(frame, f'{self.name}, {self.frame_name(count)}')
                size = size or frame.shape[:2]
                if frame.shape[:2] != size:
                    raise ValueError(
                        f'{self.name}, {self.frame_name(count)} is of size (H, W) = '
                        f'{frame.shape[:2]}, the first frame of {size}; expected frames of one size'
                    )
                yield frame
                count += 1
        except BreakOff as error:
            reason = str(error)
        expected = self.num_frames
        if reason is None and (expected is None or count >= expected) and count:
            return
        if not count:
            raise OSError(f'{self.name}: no frame can be read: {reason or "there is none"}')
        of = f'{expected} announced frames' if expected else 'an unknown number of frames'
        self.broken_off = (
            f'{self.name} breaks off: {count} of {of} were read: '
            f'{reason or "the stream ends before its announced end"}'
        )

    def frame_name(self, index: int) -> str:
        """A frame in words, such as ``'frame 3 (00003.png)'``."""
        names = self.frame_names
        named = names is not None and index < len(names)
        return f'frame {index}' + (f' ({Path(names[index]).name})' if named and names else '')

    def part(self, start: int, stop: int) -> list[np.ndarray] | None:
        """Frames from the middle of the video, whatever was read of it before.

        Args:
            start: The first.
            stop: The one behind the last.

        Returns:
            (H, W, 3) uint8 RGB each, fewer where the video ends before; None where it is a stream
            that can be read once only.
        """
        again = self._again()
        return None if again is None else list(islice(again, start, stop))

    def _again(self) -> Video | None:
        """The same video from its start, None where there is no such thing."""
        return None

    @abstractmethod
    def _read(self) -> Iterator[np.ndarray]:
        """The frames (H, W, 3) uint8 RGB, one after the other."""


class FileVideo(Video):
    """A video file, read through OpenCV.

    Args:
        path: The file.
        exif: 'apply' turns the frames as the file's orientation says, 'ignore' leaves them.

    Raises:
        OSError: OpenCV cannot open it.
    """

    def __init__(self, path: str, exif: str = 'apply') -> None:
        self.exif = exif
        self.capture = cv2.VideoCapture(path)
        if not self.capture.isOpened():
            raise OSError(
                f'video {path} cannot be opened ({os.path.getsize(path)} bytes): it is no video '
                'that OpenCV reads, or it is cut off (an MP4 file has its index at the end); give '
                'a whole file or a folder of frames'
            )
        if exif == 'ignore':
            self.capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        fps = float(self.capture.get(cv2.CAP_PROP_FPS))
        count = self.capture.get(cv2.CAP_PROP_FRAME_COUNT)
        super().__init__(
            path,
            fps if math.isfinite(fps) and 0 < fps <= 1000 else None,
            int(count) if math.isfinite(count) and 0 < count < 1e9 else None,
        )

    def _read(self) -> Iterator[np.ndarray]:
        try:
            while True:
                done, frame = self.capture.read()
                if not done:
                    return
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            self.capture.release()

    def _again(self) -> Video:
        return FileVideo(self.name, self.exif)


class CameraVideo(Video):
    """A webcam, read through OpenCV: a stream without end.

    Args:
        number: 0 for the first camera, 1 for the second, ...

    Raises:
        OSError: There is no such camera.
    """

    def __init__(self, number: int) -> None:
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self.capture = cv2.VideoCapture(number)
        cv2.utils.logging.setLogLevel(level)
        if not self.capture.isOpened():
            self.capture.release()
            raise OSError(
                f'There is no camera {number} here, or another program uses it: connect one, or '
                'give a video file'
            )
        fps = float(self.capture.get(cv2.CAP_PROP_FPS))
        known = math.isfinite(fps) and 0 < fps <= 1000
        super().__init__(f'webcam_{number}', fps if known else None)

    def _read(self) -> Iterator[np.ndarray]:
        try:
            while True:
                done, frame = self.capture.read()
                if not done:
                    raise BreakOff('the camera gives no more frames')
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            self.capture.release()


class GifVideo(Video):
    """An animated GIF, read through Pillow.

    Args:
        path: The file.

    Raises:
        OSError: It is no GIF.
    """

    def __init__(self, path: str) -> None:
        try:
            self.image = Image.open(path, formats=['GIF'])
            count = int(getattr(self.image, 'n_frames', 1))
            delays = []
            for index in range(min(count, DELAYS_READ)):
                self.image.seek(index)
                delays.append(float(self.image.info.get('duration') or 0))
        except (EOFError, OSError, SyntaxError, ValueError) as error:
            raise OSError(f'video {path} cannot be read as a GIF: {error}') from error
        fps = 1000 * len(delays) / sum(delays) if sum(delays) > 0 else None
        with open(path, 'rb') as file:
            file.seek(-1, os.SEEK_END)
            self.whole = file.read(1) == b';'
        super().__init__(path, fps, count, exact=self.whole)

    def _read(self) -> Iterator[np.ndarray]:
        with self.image as image:
            for index in range(self.num_frames or 0):
                try:
                    image.seek(index)
                    frame = np.array(image.convert('RGB'))
                except (EOFError, OSError, SyntaxError, ValueError) as error:
                    raise BreakOff(str(error)) from error
                yield frame
        if not self.whole:
            raise BreakOff('the file has no end mark')

    def _again(self) -> Video:
        return GifVideo(self.name)


class FolderVideo(Video):
    """Frames in files of their own.

    Args:
        name: Folder, pattern or ``'video'``.
        paths: The files in order.
        exif: 'apply' turns photographs as their EXIF orientation says, 'ignore' leaves them.
        numbered: The order comes from the numbers in the names, so that a gap is a missing frame.

    Raises:
        FileNotFoundError: There is no file.
        ValueError: The files are not of one size.
    """

    def __init__(self, name: str, paths: Sequence[str], exif: str, numbered: bool = True) -> None:
        if not paths:
            raise FileNotFoundError(
                f'No frame in {name} (looked for {", ".join(IMAGE_SUFFIXES)}); expected '
                f'{VIDEO_FORMS}'
            )
        _check_sizes(name, paths, exif)
        self.paths, self.exif = list(paths), exif
        self.usable, self.gap, count = len(paths), None, len(paths)
        if numbered:
            self.usable, self.gap, count = find_gap([Path(path).stem for path in paths])
        super().__init__(name, None, count, exact=True, frame_names=self.paths[: self.usable])

    def _read(self) -> Iterator[np.ndarray]:
        for path in self.paths[: self.usable]:
            try:
                frame = read_rgb(path, self.exif)
            except OSError as error:
                raise BreakOff(str(error)) from error
            yield frame
        if self.gap is not None:
            raise BreakOff(self.gap)

    def part(self, start: int, stop: int) -> list[np.ndarray]:
        """See :class:`Video`."""
        return [read_rgb(path, self.exif) for path in self.paths[: self.usable][start:stop]]


class ArrayVideo(Video):
    """Frames that are there already, or are made one by one.

    Args:
        frames: Array (T, H, W, 3), or an iterable of frames (H, W, 3).
    """

    def __init__(self, frames: Iterable[Any]) -> None:
        count = len(frames) if isinstance(frames, Sized) else None
        super().__init__('video', None, count, exact=count is not None)
        self.frames = frames

    def _read(self) -> Iterator[np.ndarray]:
        for frame in self.frames:
            # A copy: whoever makes frames one by one may use the same memory again.
            yield np.array(frame)

    def part(self, start: int, stop: int) -> list[np.ndarray] | None:
        """See :class:`Video`."""
        if not isinstance(self.frames, (np.ndarray, Sequence)):
            return None
        return [np.array(frame) for frame in self.frames[start:stop]]


def is_video_path(given: Any) -> bool:
    """Whether something is the path of a video file, by its name."""
    return isinstance(given, (str, os.PathLike)) and os.fspath(given).lower().endswith(
        VIDEO_SUFFIXES
    )


def open_video(video: Any, exif: str = 'apply') -> Video:
    """Find out what kind of video was given.

    Args:
        video: See ``VIDEO_FORMS``. Of a folder with files ``rgba_full_00000.png`` (MOVi) only those
            are frames; frame files are taken in the order of the numbers in their names.
        exif: 'apply' turns pictures as their EXIF orientation says, 'ignore' leaves them.

    Returns:
        The video.

    Raises:
        FileNotFoundError: There is no such file, or no frame in the folder.
        OSError: The file is no video.
        ValueError, TypeError: It is of another form, or frame files differ in size.
    """
    if isinstance(video, Video):
        return video
    if is_camera(video):
        return CameraVideo(int(str(video).rpartition(':')[2]))
    if isinstance(video, (str, os.PathLike)):
        return _open_path(os.path.expanduser(os.fspath(video)), exif)
    if isinstance(video, np.ndarray):
        if video.ndim != 4:
            raise ValueError(f'video: expected an array (T, H, W, 3), got {video.shape}')
        return ArrayVideo(video)
    if isinstance(video, Sequence) and video and isinstance(video[0], (str, os.PathLike)):
        return FolderVideo('video', [os.fspath(path) for path in video], exif, numbered=False)
    if isinstance(video, Iterable) and not isinstance(video, (bytes, dict)):
        return ArrayVideo(video)
    raise TypeError(f'video is {VIDEO_FORMS}; got {type(video).__name__}')


def _open_path(path: str, exif: str) -> Video:
    if os.path.isdir(path):
        return FolderVideo(path, list_frames(path, MOVI_FRAME), exif)
    if not os.path.exists(path) and glob.has_magic(path):
        found = [one for one in glob.glob(path, recursive=True) if os.path.isfile(one)]
        return FolderVideo(path, sorted(found, key=natural_key), exif)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'No video at {path}; expected {VIDEO_FORMS}')
    if path.lower().endswith('.gif'):
        return GifVideo(path)
    if path.lower().endswith(IMAGE_SUFFIXES):
        return FolderVideo(path, [path], exif)
    return FileVideo(path, exif)


def _check_frame(frame: np.ndarray, where: str) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f'{where}: expected (H, W, 3) RGB, got {frame.shape}')
    if frame.dtype != np.uint8:
        raise TypeError(f'{where}: expected uint8 values 0..255, got {frame.dtype}')


def _check_sizes(name: str, paths: Sequence[str], exif: str) -> None:
    """Compare the sizes in the headers; what has no readable header is left to the reading."""
    first: tuple[str, tuple[int, int]] | None = None
    for path in paths:
        try:
            with Image.open(path) as image:
                size = (image.height, image.width)
                if exif == 'apply' and image.getexif().get(0x0112) in TURNED:
                    size = size[::-1]
        except (OSError, SyntaxError, ValueError):
            continue
        first = first or (path, size)
        if size != first[1]:
            raise ValueError(
                f'{name}: {Path(path).name} is of size (H, W) = {size}, {Path(first[0]).name} of '
                f'{first[1]}; expected frames of one size'
            )
