"""Pictures to disk, whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import cv2
import numpy as np

from c2fseg.utils.atomic_backend import write_whole


def write_png(path: str | os.PathLike, image: np.ndarray) -> Path:
    """Write a picture whole or not at all.

    Args:
        path: Target; missing folders are made. The suffix decides the format (``.png``, ``.jpg``).
        image: (H, W, 3) uint8, RGB.

    Returns:
        The path written.

    Raises:
        ValueError: The array is not an RGB uint8 picture, or the suffix is no picture format.
    """
    path = Path(path)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f'{path}: expected a (H, W, 3) uint8 RGB array, got {image.shape} {image.dtype}'
        )
    try:
        done, data = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ValueError(f'{path}: {path.suffix!r} is no picture format; use .png') from error
    assert done, path
    return write_whole(path, data.tobytes(), sync=False)


def writable_folder(folder: str | os.PathLike) -> Path:
    """Make a folder where it is missing, and check that files can be written into it.

    Args:
        folder: The folder.

    Returns:
        The folder.

    Raises:
        OSError: It cannot be made, is a file, or cannot be written to.
    """
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = 'it is a file' if path.is_file() else (error.strerror or str(error))
        raise type(error)(
            f'pictures cannot be written to the folder {path}: {reason}; give another folder'
        ) from error
    return path


def safe_name(name: str) -> str:
    """A name with only letters, digits, dot, dash and underscore, so that it can be a file's."""
    return re.sub(r'[^\w.-]+', '_', name)


class PicturePaths:
    """Names of drawings: the picture's own name, numbered where two pictures share one.

    Args:
        folder: Where the drawings go, made where it is missing.

    Raises:
        OSError: The folder cannot be written to.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = writable_folder(folder)
        self._taken: set[str] = set()

    def choose(self, image_name: str) -> Path:
        """The path of the next drawing, ``.png``.

        Args:
            image_name: Name or path of the picture.
        """
        stem = name = safe_name(Path(image_name).stem)
        number = 1
        while name in self._taken:
            number += 1
            name = f'{stem}_{number}'
        self._taken.add(name)
        return self.folder / f'{name}.png'
