"""Pictures of every kind come out as RGB, and half ones are noticed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from c2fseg.datasets.image_io import read_rgb

PIXELS = np.random.default_rng(0).integers(0, 255, (30, 44, 3), dtype=np.uint8)


def encoded(kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    return buffer.getvalue()


def write(folder: Path, content: bytes, name: str = 'picture') -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize('kind', ['PNG', 'BMP', 'TIFF'])
def test_colours_come_as_rgb(tmp_path: Path, kind: str) -> None:
    assert np.array_equal(read_rgb(write(tmp_path, encoded(kind))), PIXELS)


@pytest.mark.parametrize('mode', ['L', 'LA', 'RGBA', 'P', '1', 'I;16'])
def test_other_modes_get_three_channels(tmp_path: Path, mode: str) -> None:
    if mode == 'I;16':
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 256)
    else:
        image = Image.fromarray(PIXELS).convert(mode)
    image.save(tmp_path / 'grey.png')
    found = read_rgb(str(tmp_path / 'grey.png'))
    assert found.shape == (30, 44, 3)
    assert found.dtype == np.uint8
    if mode in ('L', 'I;16'):
        grey = np.asarray(image.convert('L')) if mode == 'L' else PIXELS[..., 0]
        assert np.array_equal(found, np.repeat(grey[..., None], 3, 2))
    if mode == 'RGBA':
        assert np.array_equal(found, PIXELS)


def test_exif_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    path = write(tmp_path, encoded('JPEG', exif=exif), 'turned.jpg')
    assert read_rgb(path).shape == (44, 30, 3)
    assert read_rgb(path, 'ignore').shape == (30, 44, 3)
    with pytest.raises(ValueError, match='exif is one of'):
        read_rgb(path, 'guess')


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'BMP', 'TIFF'])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.95])
def test_truncated_files_are_noticed(tmp_path: Path, kind: str, share: float) -> None:
    content = encoded(kind)
    path = write(tmp_path, content[: int(len(content) * share)], f'half.{kind.lower()}')
    with pytest.raises(OSError, match=f'half.{kind.lower()} cannot be read'):
        read_rgb(path)


def test_one_wrong_byte_in_a_png_is_noticed(tmp_path: Path) -> None:
    content = bytearray(encoded('PNG'))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(OSError, match='does not fit its checksum'):
        read_rgb(write(tmp_path, bytes(content)))


def test_a_few_bytes_behind_the_end_do_no_harm(tmp_path: Path) -> None:
    assert np.array_equal(read_rgb(write(tmp_path, encoded('PNG') + b'\n\n')), PIXELS)
    assert read_rgb(write(tmp_path, encoded('JPEG') + b'\0\0\n')).shape == (30, 44, 3)


def test_what_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r'notes\.png cannot be read'):
        read_rgb(write(tmp_path, b'these are notes', 'notes.png'))
    with pytest.raises(OSError, match='it is empty'):
        read_rgb(write(tmp_path, b''))
    with pytest.raises(FileNotFoundError, match=r'no\.png'):
        read_rgb(str(tmp_path / 'no.png'))
