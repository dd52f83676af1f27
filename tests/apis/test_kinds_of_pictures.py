"""The inferencer reads every kind of picture file as data sets do."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.inputs import list_images

ROWS, COLUMNS = np.mgrid[:40, :60]
PIXELS = np.stack([COLUMNS * 4, ROWS * 6, (ROWS + COLUMNS) * 2], -1).astype(np.uint8)
EXIF = Image.Exif()
EXIF[0x0112] = 8


@pytest.mark.parametrize(
    ('name', 'mode', 'options'),
    [
        ('grey.jpg', 'L', {}),
        ('print.jpg', 'CMYK', {}),
        ('palette.png', 'P', {}),
        ('clear.png', 'RGBA', {}),
        ('turned.jpg', 'RGB', {'exif': EXIF}),
        ('turned.png', 'RGB', {'exif': EXIF}),
    ],
)
def test_files_agree_with_pillow(tmp_path: Path, name: str, mode: str, options: dict) -> None:
    path = tmp_path / name
    Image.fromarray(PIXELS).convert(mode).save(path, **options)
    (source,), _ = list_images(path)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert('RGB')).astype(int)
    found = source.read()
    assert found.shape == ((60, 40, 3) if options else (40, 60, 3))
    assert np.abs(found - expected).max() <= 1


def test_deep_files_are_scaled(tmp_path: Path) -> None:
    values = PIXELS.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / 'deep.png'), values[..., ::-1])
    (source,), _ = list_images(tmp_path / 'deep.png')
    assert np.array_equal(source.read(), PIXELS)


def test_masks_of_a_turned_photograph_are_upright(tmp_path: Path) -> None:
    path = tmp_path / 'turned.jpg'
    Image.fromarray(PIXELS).save(path, exif=EXIF)
    mask = np.zeros((60, 40), bool)
    mask[10:20, 10:20] = mask[40:50, 10:20] = True
    inferencer = AmodalInferencer('trivial_hull_shapes', device='cpu')
    (prediction,) = inferencer(path, mask)['predictions']
    assert prediction['size'] == (60, 40)
    assert prediction['objects'][0]['box'] == [10, 10, 20, 50]
