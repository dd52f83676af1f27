"""Reading a picture, sure that all of it is there.

OpenCV versions differ in what they do with half a file: some return the half they could read. The
checks here cost well under a millisecond beside ten for decoding.
"""

from __future__ import annotations

import io
import logging
import os.path as osp
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import mmcv
import numpy as np
from mmengine.logging import print_log
from PIL import Image
from rich.console import Console
from rich.progress import track

PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
JPEG_MAGIC = b'\xff\xd8'
JPEG_END = b'\xff\xd9'
PNG_GREY = 0
PNG_PALETTE = 3
PNG_KINDS = {2: 'RGB', 4: 'grey with alpha', 6: 'RGB with alpha'}
EXIF_FLAGS = {'apply': 'color', 'ignore': 'color_ignore_orientation'}


def read_rgb(path: str, exif: str = 'apply') -> np.ndarray:
    """Read a picture as RGB.

    Args:
        path: File. Grey pictures get three channels, an alpha channel is dropped, 16 bits become 8.
        exif: 'apply' turns a photograph as its EXIF orientation says, 'ignore' leaves it.

    Returns:
        uint8 (H, W, 3).

    Raises:
        FileNotFoundError: When there is no such file.
        OSError: When it is no picture, or truncated or damaged.
        ValueError: For an unknown ``exif``.
    """
    if exif not in EXIF_FLAGS:
        raise ValueError(f'exif is one of {sorted(EXIF_FLAGS)}, got {exif!r}')
    content = _read_whole(path)
    image = mmcv.imfrombytes(content, flag=EXIF_FLAGS[exif], channel_order='rgb', backend='cv2')
    if image is None:
        raise OSError(f'image file {path} cannot be read: OpenCV does not decode it')
    return image


def read_id_map(path: str) -> np.ndarray:
    """Read a PNG whose pixels are numbers of objects.

    Args:
        path: File, single-channel, of 8 or 16 bits, or with a palette, whose places then count and
            not its colours (Kubric, MOVi's renderer, writes such files).

    Returns:
        uint8 or uint16 (H, W), the values as they are stored.

    Raises:
        FileNotFoundError: When there is no such file.
        OSError: When it is no picture, or truncated or damaged.
        ValueError: When it is another kind of picture, whose pixels are colours.
    """
    content = _read_whole(path)
    if not content.startswith(PNG_MAGIC):
        raise ValueError(f'id map {path} is no PNG: a format that loses nothing is needed')
    bits, kind = content[24], content[25]  # of the header chunk, which comes first
    if kind == PNG_PALETTE:
        with Image.open(io.BytesIO(content)) as image:
            return np.array(image)
    if kind != PNG_GREY or bits not in (8, 16):
        raise ValueError(
            f'id map {path} is a {bits}-bit {PNG_KINDS.get(kind, "grey")} PNG: expected one '
            f'channel of 8 or 16 bits whose values are object numbers; convert the file'
        )
    ids = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_ANYDEPTH)
    if ids is None:
        raise OSError(f'id map {path} cannot be read: OpenCV does not decode it')
    return ids


def _read_whole(path: str) -> bytes:
    """Read a picture file's bytes, after a look whether all of them are there."""
    if not osp.isfile(path):
        raise FileNotFoundError(f'image file not found: {path}')
    with open(path, 'rb') as file:
        content = file.read()
    problem = _damage(content)
    if problem:
        raise OSError(f'image file {path} cannot be read: {problem}')
    return content


def _damage(content: bytes) -> str | None:
    """Say what is wrong with a file, None when nothing is."""
    if not content:
        return 'it is empty'
    if content.startswith(PNG_MAGIC):
        return _png_damage(content)
    if content.startswith(JPEG_MAGIC) and content.endswith(JPEG_END):
        return None
    # Another format, or a JPEG with something behind its end or without one: PIL reads to the end
    # and complains about what is missing.
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    except (EOFError, OSError, SyntaxError, ValueError) as error:
        return f'{error} ({len(content)} bytes)'
    return None


def _png_damage(content: bytes) -> str | None:
    """Walk through a PNG's chunks: each must be whole and fit its checksum."""
    place = len(PNG_MAGIC)
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], 'big')
        end = place + 12 + length
        if end > len(content):
            break
        kind = content[place + 4 : place + 8]
        checksum = int.from_bytes(content[end - 4 : end], 'big')
        if zlib.crc32(content[place + 4 : end - 4]) != checksum:
            return f'damaged PNG, chunk {kind!r} at byte {place} does not fit its checksum'
        if kind == b'IEND':
            return None
        place = end
    return f'truncated PNG, it stops after {len(content)} bytes'


def check_size(path: str, image: np.ndarray, height: int, width: int) -> None:
    """Compare a picture with what the annotation file says about it.

    Args:
        path: File, for the message.
        image: (H, W, 3).
        height: H by the annotation file.
        width: W by the annotation file.

    Raises:
        ValueError: When they differ.
    """
    if image.shape[:2] != (height, width):
        raise ValueError(
            f'image file {path} is of size (H, W) = {image.shape[:2]}, its annotations say '
            f"{(height, width)}; if the file is turned by EXIF, try LoadFrames(exif='ignore')"
        )


def find_broken_images(
    sizes: dict[str, tuple[int, int]], exif: str = 'apply', workers: int = 4
) -> dict[str, str]:
    """Read every picture once, with a progress bar.

    Args:
        sizes: For each file the (H, W) that its annotations say.
        exif: As in :func:`read_rgb`.
        workers: Number of threads.

    Returns:
        For each file that cannot be used, why.
    """

    def problem(item: tuple[str, tuple[int, int]]) -> str | None:
        path, (height, width) = item
        try:
            check_size(path, read_rgb(path, exif), height, width)
        except (OSError, ValueError) as error:
            return str(error)
        return None

    print_log(f'checking {len(sizes)} image files', 'current', logging.INFO)
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(problem, sizes.items())
        bar = track(
            found,
            total=len(sizes),
            description='checking images',
            console=Console(stderr=True),
            transient=True,
        )
        return {path: reason for path, reason in zip(sizes, bar) if reason}
