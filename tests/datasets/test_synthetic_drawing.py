"""The silhouettes of the built-in data set: exact masks, and families worth a shape prior."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.datasets.synthetic import (
    FAMILIES,
    Drawing,
    family,
    split_families,
)
from c2fseg.datasets.synthetic.outlines import box, ellipse, strokes
from c2fseg.datasets.synthetic.rasterize import rasterize
from c2fseg.datasets.synthetic.scene import paste

# ---- drawing: expected pixels counted by hand


def test_rasterize_counts_the_pixels_of_a_square_with_a_square_hole():
    drawing = Drawing()
    drawing.add(box(-10, -10, 10, 10))
    drawing.cut(box(-4, -6, 4, 6))
    patch = rasterize(drawing, np.eye(3))
    # 20 x 20 less 8 x 12; a border drawn one sub-pixel too far must not tip a pixel over a half.
    assert np.count_nonzero(patch.mask) == 400 - 96
    centre = patch.mask.shape[0] // 2
    assert not patch.mask[centre, centre]


def test_rasterize_area_of_a_disc_and_smooth_edge():
    drawing = Drawing()
    drawing.add(ellipse(0.0, 0.0, 30.0))
    patch = rasterize(drawing, np.eye(3))
    assert np.count_nonzero(patch.mask) == pytest.approx(np.pi * 900, rel=0.01)
    edge = (patch.alpha > 0) & (patch.alpha < 1)
    assert 100 < np.count_nonzero(edge) < 400
    np.testing.assert_array_equal(patch.mask, patch.alpha >= 128 / 255)


def test_paint_never_changes_the_mask():
    plain, painted = Drawing(), Drawing()
    for drawing in (plain, painted):
        drawing.add(box(-10, -10, 10, 10))
    painted.paint(0.5, box(-30, -3, 30, 3), accent=True)
    first, second = rasterize(plain, np.eye(3)), rasterize(painted, np.eye(3))
    np.testing.assert_array_equal(first.mask, second.mask)
    assert second.tone.min() == pytest.approx(0.5)


def test_strokes_of_a_straight_line_without_round_ends_is_its_rectangle():
    drawing = Drawing()
    drawing.add(*strokes([(-20.0, 0.0), (20.0, 0.0)], 3.0, round_ends=False))
    assert np.count_nonzero(rasterize(drawing, np.eye(3)).mask) == 40 * 6


@settings(deadline=None)
@given(row=st.integers(-12, 12), column=st.integers(-12, 12))
def test_paste_keeps_what_lies_inside(row, column):
    patch = np.arange(1, 13).reshape(3, 4)
    canvas = paste(patch, (row, column), 6, 8)
    expected = np.zeros((6, 8), patch.dtype)
    for i in range(3):
        for j in range(4):
            if 0 <= row + i < 6 and 0 <= column + j < 8:
                expected[row + i, column + j] = patch[i, j]
    np.testing.assert_array_equal(canvas, expected)


# ---- families


def test_there_are_enough_families_and_two_are_reserved():
    seen, unseen = split_families('train'), split_families('test_unseen')
    assert len(seen) >= 14
    assert len(unseen) == 2
    assert not set(seen) & set(unseen)
    assert split_families('val') == split_families('test') == seen


@pytest.mark.parametrize('name', FAMILIES)
def test_members_of_a_family_differ_and_fit_the_unit_square(name):
    areas = set()
    for seed in range(6):
        drawing = FAMILIES[name].draw(np.random.default_rng(seed))
        points = np.concatenate([outline for outline, solid in drawing.layers if solid])
        assert np.abs(points).max() < 1.3
        assert np.ptp(points, axis=0).max() > 1.4
        patch = rasterize(drawing, np.diag([40.0, 40.0, 1.0]))
        pieces, _ = cv2.connectedComponents(patch.mask.astype(np.uint8), connectivity=8)
        assert pieces == 2, f'{name} falls into {pieces - 1} pieces'
        areas.add(np.count_nonzero(patch.mask))
    assert len(areas) > 1


def test_most_silhouettes_are_far_from_convex():
    solidity = {}
    for name, item in FAMILIES.items():
        shares = []
        for seed in range(5):
            mask = rasterize(
                item.draw(np.random.default_rng(seed)), np.diag([50.0, 50.0, 1.0])
            ).mask
            points = np.argwhere(mask)[:, ::-1].astype(np.int32)
            hull = np.zeros(mask.shape, np.uint8)
            cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
            shares.append(np.count_nonzero(mask) / np.count_nonzero(hull))
        solidity[name] = float(np.mean(shares))
    assert np.mean(list(solidity.values())) < 0.72
    assert sum(share < 0.8 for share in solidity.values()) >= 14


def test_a_family_name_is_taken_once():
    with pytest.raises(KeyError, match='car'):
        family('car', max_rotation=0)(lambda rng: Drawing())
