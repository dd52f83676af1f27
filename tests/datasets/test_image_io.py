"""Pictures of every kind come out as RGB, and half ones are noticed."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

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
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
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


# Smooth, so that no lossy format changes it by more than a little.
SMOOTH = np.stack(np.meshgrid(np.arange(60) * 4, np.arange(40) * 6), -1).astype(np.uint8)
SMOOTH = np.concatenate([SMOOTH, SMOOTH[..., :1] // 2 + 40], -1)


def by_pillow(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert('RGB'))


@pytest.mark.parametrize(
    ('name', 'mode'),
    [
        ('grey.jpg', 'L'),
        ('colour.jpg', 'RGB'),
        ('print.jpg', 'CMYK'),  # with Adobe's marker, its values inverted
        ('print.tif', 'CMYK'),  # not inverted
        ('palette.png', 'P'),
        ('palette.gif', 'P'),
        ('bits.png', '1'),
        ('alpha.png', 'LA'),
        ('lab.tif', 'LAB'),
        ('new.webp', 'RGB'),
    ],
)
def test_every_kind_agrees_with_pillow(tmp_path: Path, name: str, mode: str) -> None:
    path = str(tmp_path / name)
    Image.fromarray(SMOOTH).convert(mode).save(path)
    found = read_rgb(path)
    assert found.shape == (40, 60, 3)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.abs(found.astype(int) - by_pillow(path)).max() <= 1


def test_cmyk_without_adobes_marker(tmp_path: Path) -> None:
    path = tmp_path / 'print.jpg'
    Image.fromarray(SMOOTH).convert('CMYK').save(path, quality=95)
    content = path.read_bytes()
    marker = content.index(b'\xff\xee')
    path.write_bytes(content[:marker] + content[marker + 16 :])
    assert b'Adobe' not in path.read_bytes()
    found = read_rgb(str(path)).astype(int)
    assert np.abs(found - by_pillow(str(path))).max() <= 1
    assert np.abs(found - SMOOTH).mean() < 8  # and these are the colours that went in


def test_alpha_is_dropped_and_leaves_the_colours(tmp_path: Path) -> None:
    alpha = np.random.default_rng(1).integers(0, 255, (30, 44, 1), dtype=np.uint8)
    Image.fromarray(np.concatenate([PIXELS, alpha], -1)).save(tmp_path / 'clear.png')
    assert np.array_equal(read_rgb(str(tmp_path / 'clear.png')), PIXELS)


@pytest.mark.parametrize(
    ('name', 'channels'),
    [
        ('deep.png', 1),
        ('deep.png', 3),
        ('deep.png', 4),
        ('deep.tif', 1),
        ('deep.tif', 3),
        ('deep.tif', 4),
        ('deep.pgm', 1),
        ('deep.ppm', 3),
    ],
)
def test_16_bits_are_scaled_and_rounded(tmp_path: Path, name: str, channels: int) -> None:
    values = np.random.default_rng(2).integers(0, 65536, (20, 30, channels), dtype=np.uint16)
    values[0, :5] = [[0], [128], [129], [255], [65535]]
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    cv2.imwrite(str(tmp_path / name), values[..., order])
    expected = np.broadcast_to(values[..., :3] / 257, (20, 30, 3))
    found = read_rgb(str(tmp_path / name))
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 0.5  # rounded: nothing is nearer
    assert found[0, :5, 0].tolist() == [0, 0, 1, 1, 255]


@pytest.mark.parametrize('kind', [np.float32, np.int32])
def test_32_bits_are_refused(tmp_path: Path, kind: type) -> None:
    Image.fromarray(PIXELS[..., 0].astype(kind)).save(tmp_path / 'depth.tif')
    with pytest.raises(OSError, match=r'depth\.tif cannot be read: its values have 32 bits'):
        read_rgb(str(tmp_path / 'depth.tif'))


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_all_orientations_agree_with_pillow(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = str(tmp_path / f'turned.{suffix}')
    Image.fromarray(SMOOTH).save(path, exif=exif)
    expected = by_pillow(path)
    assert expected.shape == ((60, 40, 3) if orientation > 4 else (40, 60, 3))
    assert np.array_equal(read_rgb(path), expected)
    if suffix != 'tif':  # there the orientation belongs to the format
        stored = np.asarray(Image.open(path).convert('RGB'))
        assert np.array_equal(read_rgb(path, 'ignore'), stored)


def test_16_bits_are_turned_too(tmp_path: Path) -> None:
    values = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) * 100
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(tmp_path / 'deep.png', exif=exif)
    found = read_rgb(str(tmp_path / 'deep.png'))
    assert np.array_equal(found[..., 1], np.rint(np.rot90(values, -1) / 257))


def test_broken_exif_turns_nothing(tmp_path: Path) -> None:
    exif = b'Exif\0\0MM\0*\0\0'
    path = write(tmp_path, encoded('JPEG', exif=exif), 'odd.jpg')
    assert read_rgb(path).shape == (30, 44, 3)


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
    with pytest.raises(OSError, match=r'notes\.png cannot be read: it is no picture'):
        read_rgb(write(tmp_path, b'these are notes', 'notes.png'))
    with pytest.raises(OSError, match='it is empty'):
        read_rgb(write(tmp_path, b''))
    with pytest.raises(FileNotFoundError, match=r'no\.png'):
        read_rgb(str(tmp_path / 'no.png'))
