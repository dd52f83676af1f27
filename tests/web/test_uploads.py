"""What the page makes of uploaded files, the hostile ones above all."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from c2fseg.web.uploads import UploadError, UploadLimits, read_upload

LIMITS = UploadLimits(max_megabytes=1, max_side=2000, work_side=512)


def encode(image: np.ndarray, kind: str = 'PNG', **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1).astype(np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header promises any size, and that holds one byte of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack('>I', zlib.crc32(kind + data))
        return struct.pack('>I', len(data)) + kind + data + check

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b'IDAT', zlib.compress(b'\0'))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + pixels + chunk(b'IEND', b'')


def zip_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as file:
        file.writestr('a.png', 'no picture')
    return buffer.getvalue()


@pytest.mark.parametrize('kind', ['PNG', 'BMP', 'TIFF', 'WEBP'])
def test_a_picture_comes_back_as_it_was(kind: str) -> None:
    image = picture()
    options = {'lossless': True} if kind == 'WEBP' else {}
    assert np.array_equal(read_upload(encode(image, kind, **options), LIMITS), image)


def test_a_large_picture_is_scaled_to_the_working_side() -> None:
    assert read_upload(encode(picture(500, 1500)), LIMITS).shape == (171, 512, 3)


def test_exif_turns_a_picture() -> None:
    image = picture()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    turned = read_upload(encode(image, 'JPEG', quality=100, subsampling=0, exif=exif), LIMITS)
    assert turned.shape == (60, 40, 3)
    assert np.abs(turned.astype(int) - np.rot90(image, -1)).mean() < 2


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'no picture at all',
        zip_file(),
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'GIF89a' + b'\0' * 40,
        b'%PDF-1.7',
    ],
    ids=['empty', 'text', 'zip', 'svg', 'gif', 'pdf'],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(UploadError, match='is no picture; PNG, JPEG'):
        read_upload(content, LIMITS)


@pytest.mark.parametrize('size', [(20_000, 10), (10, 20_000), (60_000, 60_000), (2**31 - 1, 16)])
def test_sizes_are_refused_by_the_header(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*args: object) -> None:
        raise AssertionError('it was decoded')

    monkeypatch.setattr('c2fseg.web.uploads.decode_rgb', decoded)
    content = png_header(*size)
    assert len(content) < 100
    with pytest.raises(UploadError, match=r'at most 2000 px a side|at least 16 px|too large'):
        read_upload(content, LIMITS)


def test_a_tiny_picture_is_refused() -> None:
    with pytest.raises(UploadError, match='8 x 40 px; at least 16'):
        read_upload(encode(picture(40, 8)), LIMITS)


def test_a_file_above_the_limit_is_refused() -> None:
    with pytest.raises(UploadError, match=r'1\.2 MB; at most 1 MB'):
        read_upload(b'\0' * 1_200_000, LIMITS)


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize('share', [0.5, 0.9])
def test_half_a_picture_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encode(noise, kind)
    with pytest.raises(UploadError, match=r'damaged or incomplete|is no picture'):
        read_upload(content[: int(share * len(content))], LIMITS)


def test_messages_name_no_file(tmp_path: Path) -> None:
    with pytest.raises(UploadError) as caught:
        read_upload(encode(picture())[:-20], LIMITS)
    assert '/' not in str(caught.value)
    assert '\n' not in str(caught.value)
