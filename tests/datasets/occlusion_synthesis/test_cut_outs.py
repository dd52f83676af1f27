"""Cutting out, turning and scaling."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.datasets.occlusion_synthesis import CutOut, cut_out, turn_cut_out


def picture() -> tuple[np.ndarray, np.ndarray]:
    image = np.arange(20 * 30 * 3, dtype=np.uint32).reshape(20, 30, 3).astype(np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:11, 3:9] = 1
    mask[5, 3] = 0
    return image, mask


def test_the_box_and_a_margin_are_cut_out() -> None:
    image, mask = picture()
    cut = cut_out(image, mask, margin=4)
    # Rows 5 - 4 to 11 + 4; columns 3 - 4, which is outside, to 9 + 4.
    assert np.array_equal(cut.mask, mask[1:15, 0:13])
    inside = cut.mask != 0
    assert np.array_equal(cut.image[inside], image[1:15, 0:13][inside])
    # Outside, the colour of the nearest pixel of the object goes on: straight up, straight left.
    assert np.array_equal(cut.image[0, 6], image[5, 6])
    assert np.array_equal(cut.image[6, 0], image[7, 3])
    cut.image[:] = 0
    assert image[5:11, 3:9].any()  # an array of its own


def test_an_empty_mask_is_refused() -> None:
    image, mask = picture()
    with pytest.raises(ValueError, match='empty mask'):
        cut_out(image, np.zeros_like(mask))


def test_nothing_turned_is_nothing_changed() -> None:
    cut = cut_out(*picture())
    same = turn_cut_out(cut, 1.0)
    assert np.array_equal(same.image, cut.image)
    assert np.array_equal(same.mask, cut.mask)


def test_mirrored_and_turned_by_right_angles() -> None:
    cut = cut_out(*picture())
    flipped = turn_cut_out(cut, 1.0, flip=True)
    assert np.array_equal(flipped.mask, cut.mask[:, ::-1])
    assert np.array_equal(flipped.image, cut.image[:, ::-1])
    # Half a turn is exact; a quarter swaps the sides.
    half = turn_cut_out(cut, 1.0, angle=180.0)
    assert half.mask.shape == cut.mask.shape
    assert np.array_equal(half.mask, cut.mask[::-1, ::-1])
    quarter = turn_cut_out(cut, 1.0, angle=90.0)
    assert quarter.mask.sum() == cut.mask.sum()


@pytest.mark.parametrize('scale', [0.5, 2.0, 3.0])
def test_the_area_follows_the_scale(scale: float) -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[10:50, 14:44] = 1
    cut = CutOut(np.full((60, 60, 3), 90, np.uint8), mask)
    scaled = turn_cut_out(cut, scale)
    assert scaled.mask.sum() == pytest.approx(40 * 30 * scale**2, rel=0.08)
    assert (scaled.image == 90).all()


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match='scale is positive'):
        turn_cut_out(cut_out(*picture()), 0.0)
