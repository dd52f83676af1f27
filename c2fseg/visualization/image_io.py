"""Pictures to disk, whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from c2fseg.utils.atomic_backend import write_whole

# Bytes of a file name without number and suffix; file systems take 255 in all.
LONGEST_STEM = 200


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


def write_masks(
    folder: str | os.PathLike, masks: Iterable[tuple[str, np.ndarray]], former: str
) -> Path:
    """Write masks as PNGs of 0 and 255 into a folder, each whole or not at all.

    Args:
        folder: Target; other files in it stay.
        masks: File names without suffix, and (H, W), in which every non-zero pixel counts.
        former: Pattern of file names without suffix; what an earlier call wrote goes by it.

    Returns:
        The folder.

    Raises:
        OSError: It cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for name, mask in masks:
        names.add(name)
        done, data = cv2.imencode('.png', (mask != 0).astype(np.uint8) * 255)
        assert done, name
        write_whole(folder / f'{name}.png', data.tobytes(), sync=False)
    for path in folder.glob('*.png'):
        if re.fullmatch(former, path.stem) and path.stem not in names:
            path.unlink()
    return folder


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


def unique_stems(names: Iterable[str]) -> list[str]:
    """File names without suffix for pictures: their own, numbered where two share one.

    Args:
        names: Names or paths of the pictures.

    Returns:
        A name for each, safe as that of a file or folder, and different also where upper and lower
        case are the same.
    """
    taken: set[str] = set()
    counts: dict[str, int] = {}
    stems = []
    for name in names:
        stem = safe_name(Path(name).stem).encode()[:LONGEST_STEM].decode(errors='ignore') or '_'
        number = counts.get(stem.casefold(), 0) + 1
        found = stem if number == 1 else f'{stem}_{number}'
        while found.casefold() in taken:
            number += 1
            found = f'{stem}_{number}'
        counts[stem.casefold()] = number
        taken.add(found.casefold())
        stems.append(found)
    return stems
