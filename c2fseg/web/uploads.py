"""From an uploaded file to a picture; its size is known to be bearable before it is decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from c2fseg.datasets.image_io import decode_rgb

# Pillow looks for these only: its other readers are code that a hostile file could aim at.
FORMATS = ('BMP', 'JPEG', 'PNG', 'TIFF', 'WEBP')
FORMAT_NAMES = 'PNG, JPEG, WebP, TIFF or BMP'


class UploadError(ValueError):
    """A file that the page does not take, with a sentence for the person who sent it."""


@dataclass(frozen=True)
class UploadLimits:
    """What the page takes.

    Attributes:
        max_megabytes: Size of a file, in millions of bytes.
        max_side: Longest side of a picture as it is stored, px; longer ones are refused unseen.
        work_side: Longest side the page works with, px; larger pictures are scaled down to it.
        min_side: Shortest side, px.
    """

    max_megabytes: float = 20
    max_side: int = 8000
    work_side: int = 1024
    min_side: int = 16

    @property
    def max_bytes(self) -> int:
        """Size of a file, in bytes."""
        return int(self.max_megabytes * 1_000_000)


def read_upload(content: bytes, limits: UploadLimits) -> np.ndarray:
    """Decode an uploaded picture, turned as its EXIF says and scaled down to the working size.

    Args:
        content: The file.
        limits: What is taken.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UploadError: The file is too large, no picture, damaged, or of a size that is not taken.
    """
    if len(content) > limits.max_bytes:
        raise UploadError(
            f'The file has {len(content) / 1e6:.1f} MB; at most {limits.max_megabytes:g} MB are '
            'taken.'
        )
    check_header(content, limits)
    try:
        image = decode_rgb(content, 'The picture')
    except (OSError, EOFError, Image.DecompressionBombError) as error:
        raise UploadError(
            'The picture is damaged or incomplete; save it anew and send it again.'
        ) from error
    return fit_side(image, limits.work_side)


def check_header(content: bytes, limits: UploadLimits) -> None:
    """Read a picture's header, and nothing behind it.

    Args:
        content: The file.
        limits: What is taken.

    Raises:
        UploadError: It is no picture of a known format, or of a size that is not taken.
    """
    try:
        with warnings.catch_warnings():
            # Pillow's own limit only warns; ours, below, is lower.
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
    except Image.DecompressionBombError as error:
        raise UploadError(
            f'The picture is too large; at most {limits.max_side} px a side are taken.'
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UploadError(f'The file is no picture; {FORMAT_NAMES} is expected.') from error
    if max(width, height) > limits.max_side:
        raise UploadError(
            f'The picture has {width} x {height} px; at most {limits.max_side} px a side are taken.'
        )
    if min(width, height) < limits.min_side:
        raise UploadError(
            f'The picture has {width} x {height} px; at least {limits.min_side} px a side are '
            'needed.'
        )


def fit_side(image: np.ndarray, longest: int) -> np.ndarray:
    """Scale a picture down so that its longest side fits.

    Args:
        image: (H, W, 3) uint8.
        longest: Longest side, px.

    Returns:
        (h, w, 3) uint8: ``image`` itself where it fits.
    """
    height, width = image.shape[:2]
    share = longest / max(height, width)
    if share >= 1:
        return image
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
