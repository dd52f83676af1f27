"""Reading a picture, sure that all of it is there.

OpenCV versions differ in what they do with half a file: some return the half they could read. The
checks here cost well under a millisecond beside ten for decoding. They also differ in what they do
with rare kinds of pictures, so OpenCV reads the common ones (8-bit PNG, grey or colour JPEG), which
it does fast and exactly, and Pillow the others.
"""

from __future__ import annotations

import io
import logging
import os.path as osp
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from mmengine.logging import print_log
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import track

PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
JPEG_MAGIC = b'\xff\xd8'
JPEG_END = b'\xff\xd9'
PNG_BITS = 24  # where the header chunk, which comes first, has the bits of a value
PNG_GREY = 0
PNG_PALETTE = 3
PNG_KINDS = {2: 'RGB', 4: 'grey with alpha', 6: 'RGB with alpha'}
EXIF_RULES = ('apply', 'ignore')
EXIF_ORIENTATION = 0x0112
TIFF_BITS = 258
# Whole files of these modes and formats are OpenCV's, if their pixels have 8 bits.
PLAIN_MODES = ('1', 'L', 'LA', 'P', 'RGB', 'RGBA')
PLAIN_FORMATS = ('JPEG', 'MPO', 'PNG')
# What a 16-bit value becomes: 65535 is white, so 257 steps make one of 8 bits; rounded.
TO_8_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)


def read_rgb(path: str, exif: str = 'apply') -> np.ndarray:
    """Read a picture as RGB.

    Grey pictures get three channels; palettes are looked up; CMYK is converted by the plain formula
    (colour profiles are not applied to any picture), in JPEG files with the values inverted, as
    Adobe writes them and every reader takes them; 16 bits are scaled to 8 and rounded. An alpha
    channel is dropped, which leaves the stored colours as they are: data sets such as MOVi store
    pictures with one, and the colours below it are the picture. Of an animation the first frame is
    read.

    Args:
        path: File of any format that OpenCV or Pillow reads.
        exif: 'apply' turns a photograph as its EXIF orientation says, 'ignore' leaves it. A TIFF is
            always turned: its orientation is part of the format.

    Returns:
        uint8 (H, W, 3).

    Raises:
        FileNotFoundError: When there is no such file.
        OSError: When it is no picture, truncated or damaged, or its values have 32 bits.
        ValueError: For an unknown ``exif``.
    """
    if exif not in EXIF_RULES:
        raise ValueError(f'exif is one of {EXIF_RULES}, got {exif!r}')
    return decode_rgb(_read_bytes(path), f'image file {path}', exif)


def decode_rgb(content: bytes, name: str, exif: str = 'apply') -> np.ndarray:
    """Decode the bytes of a picture file as :func:`read_rgb` does.

    Args:
        content: All of the file.
        name: What messages call it.
        exif: As in :func:`read_rgb`.

    Returns:
        uint8 (H, W, 3).

    Raises:
        OSError: When it is no picture, truncated or damaged, or its values have 32 bits.
    """
    problem = _damage(content)
    if problem:
        raise OSError(f'{name} cannot be read: {problem}')
    try:
        with Image.open(io.BytesIO(content)) as image:
            return _decode(content, image, exif)
    except (cv2.error, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise OSError(f'{name} cannot be read: {error}') from error


def _decode(content: bytes, image: Image.Image, exif: str) -> np.ndarray:
    """Decode a whole file, of which Pillow has read the header: uint8 (H, W, 3)."""
    bits = _bits(content, image)
    if bits > 16:
        raise ValueError(f'its values have {bits} bits, expected 8 or 16: convert the file')
    orientation = _orientation(content, image) if exif == 'apply' else 1
    if bits == 16:
        return _turn(_decode_16_bits(content), orientation)
    if image.format in PLAIN_FORMATS and image.mode in PLAIN_MODES:
        # Turned here and not by OpenCV, of which some versions turn a JPEG only.
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        if decoded is None:
            raise ValueError('OpenCV does not decode it')
        return _turn(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB, decoded), orientation)
    if image.mode == 'RGBa':  # colours that are multiplied with their alpha
        image = image.convert('RGBA')
    return _turn(np.array(image.convert('RGB')), orientation)


def _orientation(content: bytes, image: Image.Image) -> int:
    """Read what EXIF says of a picture's orientation, 1 (upright) where it says nothing."""
    # A TIFF's orientation is its own and no EXIF: all decoders turn it.
    if image.format == 'TIFF' or (image.format == 'PNG' and b'eXIf' not in _png_kinds(content)):
        return 1
    if image.format == 'PNG' and 'exif' not in image.info:
        image.load()  # it may stand behind the pixels
    exif = Image.Exif()
    try:
        exif.load(image.info.get('exif'))
        return exif.get(EXIF_ORIENTATION, 1)
    except (OSError, SyntaxError, TypeError, ValueError, struct.error):
        return 1  # whoever wrote the file did not write EXIF


def _bits(content: bytes, image: Image.Image) -> int:
    """Bits of one value of a picture."""
    if image.format == 'PNG':
        return content[PNG_BITS]
    if image.format == 'TIFF':
        return max(image.tag_v2.get(TIFF_BITS, (1,)))  # type: ignore[attr-defined]
    if image.mode.startswith('I;16') or (image.mode == 'I' and image.format == 'PPM'):
        return 16
    return 32 if image.mode in ('I', 'F') else 8


def _decode_16_bits(content: bytes) -> np.ndarray:
    """Decode a picture of 16 bits, of which Pillow keeps 8, and scale it: uint8 (H, W, 3)."""
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16:
        raise ValueError('OpenCV does not decode its 16 bits')
    if values.ndim == 2:
        return np.repeat(TO_8_BITS[values][..., None], 3, axis=2)
    return TO_8_BITS[values[..., 2::-1]]  # blue, green, red, perhaps alpha


def _turn(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a picture as EXIF says: 2 to 4 mirror or half turn, 5 to 8 change height and width."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


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
    bits, kind = content[PNG_BITS], content[PNG_BITS + 1]
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


def _read_bytes(path: str) -> bytes:
    if not osp.isfile(path):
        raise FileNotFoundError(f'image file not found: {path}')
    with open(path, 'rb') as file:
        return file.read()


def _read_whole(path: str) -> bytes:
    """Read a picture file's bytes, after a look whether all of them are there."""
    content = _read_bytes(path)
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
    except UnidentifiedImageError:  # its own message names a buffer
        return f'it is no picture of a known format ({len(content)} bytes)'
    except (EOFError, OSError, SyntaxError, ValueError) as error:
        return f'{error} ({len(content)} bytes)'
    return None


def _png_kinds(content: bytes) -> set[bytes]:
    """Name the kinds of chunks of a whole PNG."""
    kinds, place = set(), len(PNG_MAGIC)
    while place + 12 <= len(content):
        kinds.add(content[place + 4 : place + 8])
        place += 12 + int.from_bytes(content[place : place + 4], 'big')
    return kinds


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


def fit_size(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a picture to what its annotations say (Lanczos), where it is of another size.

    Args:
        image: uint8 (h, w, 3).
        height: H by the annotations.
        width: W by the annotations.

    Returns:
        uint8 (H, W, 3): ``image`` itself where it fits.

    Source: C2F-Seg, ICCV 2023, reference implementation (test set of KINS).
    """
    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


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
