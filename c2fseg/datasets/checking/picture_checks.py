"""What is looked at in every picture: whether it can be read, its size, what it shows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..image_io import check_size, read_rgb

LOOK_SIDE = 8


class PictureTask(NamedTuple):
    """A picture to read.

    Attributes:
        image_id: Its id.
        path: Its file.
        height: H by the annotation file, None when it does not say.
        width: W by the annotation file, None when it does not say.
    """

    image_id: Any
    path: str
    height: int | None
    width: int | None


class PictureRow(NamedTuple):
    """What was seen.

    Attributes:
        image_id: Its id.
        path: Its file.
        problem: Why it cannot be used, None when it can.
        kind: A few words for the problem.
        height: H of the file, None when it cannot be read.
        width: W of the file, None when it cannot be read.
        content: A hash of all its pixels.
        look: 64 bits, most of which stay as they are when a picture is compressed or resized.
    """

    image_id: Any
    path: str
    problem: str | None = None
    kind: str = ''
    height: int | None = None
    width: int | None = None
    content: bytes = b''
    look: int = 0


def check_pictures(tasks: Sequence[PictureTask], exif: str = 'apply') -> list[PictureRow]:
    """Read pictures.

    Args:
        tasks: The pictures.
        exif: As in :func:`c2fseg.datasets.image_io.read_rgb`.

    Returns:
        A row for each.
    """
    return [_check_picture(task, exif) for task in tasks]


def _check_picture(task: PictureTask, exif: str) -> PictureRow:
    row = PictureRow(task.image_id, task.path)
    try:
        image = read_rgb(task.path, exif)
    except FileNotFoundError as error:
        return row._replace(problem=str(error), kind='missing picture')
    except OSError as error:
        return row._replace(problem=str(error), kind='broken picture')
    height, width = image.shape[:2]
    row = row._replace(
        height=height, width=width, content=content_hash(image), look=look_hash(image)
    )
    if task.height is None or task.width is None:
        return row
    try:
        check_size(task.path, image, task.height, task.width)
    except ValueError as error:
        return row._replace(problem=str(error), kind='picture of another size')
    return row


def content_hash(image: np.ndarray) -> bytes:
    """Hash the pixels of a picture (H, W, 3) uint8, whatever file format they came in."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def look_hash(image: np.ndarray) -> int:
    """Say in 64 bits how a picture looks: where brightness grows from left to right.

    Args:
        image: uint8 (H, W, 3).

    Returns:
        One bit for each of 8 x 8 places.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (LOOK_SIDE + 1, LOOK_SIDE), interpolation=cv2.INTER_AREA)
    grows = small[:, 1:] > small[:, :-1]
    return int.from_bytes(np.packbits(grows).tobytes(), 'big')
