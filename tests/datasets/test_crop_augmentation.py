"""Crops warped and colours changed."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.datasets.transforms import JitterColours, PackAmodalInputs, WarpObject


def crops() -> dict:
    rng = np.random.default_rng(0)
    amodal = np.zeros((2, 64, 64), np.uint8)
    amodal[:, 16:48, 20:44] = 1
    visible = amodal.copy()
    visible[:, 32:] = 0
    return {
        'crop_img': rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8),
        'crop_visible_mask': visible.copy(),
        'gt_crop_visible_mask': visible,
        'gt_crop_amodal_mask': amodal,
    }


def test_masks_and_picture_move_together() -> None:
    np.random.seed(1)
    results = crops()
    results['crop_img'] = np.repeat(results['gt_crop_amodal_mask'][..., None] * 255, 3, axis=3)
    before = results['gt_crop_amodal_mask'].copy()
    WarpObject(prob=1.0)(results)
    assert results['warped']
    after = results['gt_crop_amodal_mask']
    assert not np.array_equal(after, before)
    assert set(np.unique(after)) <= {0, 1}
    # V stays inside A, frames move alike, and the picture shows the mask where it is.
    assert not (results['gt_crop_visible_mask'] & ~after & 1).any()
    assert np.array_equal(after[0], after[1])
    shown = results['crop_img'][0, ..., 0] > 127
    assert (shown != (after[0] != 0)).mean() < 0.02


def test_the_area_follows_the_scale() -> None:
    np.random.seed(0)
    results = crops()
    WarpObject(prob=1.0, max_angle=0.0, scale=(0.5, 0.5), stretch=1.0)(results)
    assert results['gt_crop_amodal_mask'][0].sum() == pytest.approx(32 * 24 / 4, rel=0.1)
    # The centre stays where it is.
    rows, columns = np.nonzero(results['gt_crop_amodal_mask'][0])
    assert rows.mean() == pytest.approx(31.5, abs=0.6)
    assert columns.mean() == pytest.approx(31.5, abs=0.6)


def test_an_object_that_would_leave_the_crop_stays() -> None:
    results = crops()
    for key in ('crop_visible_mask', 'gt_crop_visible_mask'):
        results[key][:] = 0
        results[key][:, 0, 0] = 1
    before = {key: value.copy() for key, value in results.items()}
    np.random.seed(0)
    WarpObject(prob=1.0, max_angle=0.0, scale=(3.0, 3.0), stretch=1.0)(results)
    assert results['warped'] is False
    for key, value in before.items():
        assert np.array_equal(results[key], value)


def test_no_warp_with_probability_zero() -> None:
    results = WarpObject(prob=0.0)(crops())
    assert results['warped'] is False
    assert np.array_equal(results['crop_img'], crops()['crop_img'])


def test_a_warped_crop_has_no_place_in_the_image() -> None:
    results = {**crops(), 'warped': True}
    with pytest.raises(ValueError, match='WarpObject'):
        PackAmodalInputs(meta_keys=(), pack_full_masks=True)(results)


def test_colours_without_any_share_stay() -> None:
    results = JitterColours(0, 0, 0, 0)(crops())
    assert np.array_equal(results['crop_img'], crops()['crop_img'])


def test_grey_and_bounds() -> None:
    results = JitterColours(0, 0, 0, grey_prob=1.0)(crops())
    image = results['crop_img'].astype(int)
    assert (image.max(axis=-1) - image.min(axis=-1)).max() == 0
    # Luma of the first pixel by the weights of BT.601.
    red, green, blue = crops()['crop_img'][0, 0, 0].astype(float)
    assert image[0, 0, 0, 0] == round(0.299 * red + 0.587 * green + 0.114 * blue)


def test_brightness_is_a_factor() -> None:
    np.random.seed(2)
    results = JitterColours(brightness=0.3, contrast=0, saturation=0, grey_prob=0)(crops())
    before = crops()['crop_img'].astype(float)
    after = results['crop_img'].astype(float)
    inside = (after > 20) & (after < 235)
    factors = after[inside] / before[inside]
    assert factors.std() < 0.03
    assert 0.7 <= factors.mean() <= 1.3
    assert factors.mean() != pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    'build',
    [
        lambda: WarpObject(prob=2),
        lambda: WarpObject(max_angle=-1),
        lambda: WarpObject(scale=(0, 1)),
        lambda: WarpObject(stretch=0.5),
        lambda: JitterColours(brightness=1.5),
        lambda: JitterColours(grey_prob=-0.1),
    ],
)
def test_arguments_out_of_range(build) -> None:
    with pytest.raises(ValueError, match=r'(is|probability)'):
        build()
