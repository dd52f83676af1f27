"""Stability from frame to frame, of squares that move by known steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from c2fseg.evaluation.functional import Motion, stability, true_motions

SIZE = 20


def squares(*places: tuple[int, int], side: int = 4) -> np.ndarray:
    """Squares with their upper left corners at (row, column), one for each frame."""
    masks = np.zeros((len(places), SIZE, SIZE), dtype=bool)
    for mask, (row, column) in zip(masks, places):
        mask[row : row + side, column : column + side] = True
    return masks


def test_a_moving_square_is_steady() -> None:
    truth = squares((2, 3), (5, 3), (5, 1), (4, 8))
    motions = true_motions(truth)
    assert motions == [Motion(0, 3, 0), Motion(1, 0, -2), Motion(2, -1, 7)]
    assert stability(truth, motions).tolist() == [1, 1, 1]
    # A prediction of another shape that moves along is as steady.
    smaller = squares((3, 4), (6, 4), (6, 2), (5, 9), side=2)
    assert stability(smaller, motions).tolist() == [1, 1, 1]
    # One that stays behind is not: 4 x 4 pixels, 3 rows apart; 2 columns; 7 columns.
    still = squares(*[(8, 8)] * 4)
    assert stability(still, motions) == pytest.approx([4 / 28, 8 / 24, 0])


def test_motion_is_rounded_to_whole_pixels() -> None:
    # The centroid of frame 1 lies 0.4 below that of frame 0: a row of 4 pixels below 4 x 4.
    taller = squares((2, 3), (2, 3))
    taller[1, 6, 3:7] = True
    motions = true_motions(taller)
    assert motions == [Motion(0, 0, 0)]
    assert stability(taller, motions) == pytest.approx([16 / 20])  # the truth is no 1 either


def test_pairs_need_two_whole_true_masks() -> None:
    inside, gone = (5, 5), (SIZE, SIZE)
    for border in ((0, 5), (SIZE - 4, 5), (5, 0), (5, SIZE - 4)):
        truth = squares(inside, border, inside, gone, inside, inside)
        assert [motion.first for motion in true_motions(truth)] == [4]
    assert true_motions(squares(gone, gone)) == []
    assert true_motions(squares(inside)) == []
    assert stability(squares(inside), []).shape == (0,)


def test_an_empty_pair_is_not_steady() -> None:
    motions = true_motions(squares((5, 5), (6, 5), (7, 5), (8, 5)))
    assert stability(squares(*[(SIZE, SIZE)] * 4), motions).tolist() == [0, 0, 0]
    flicker = squares((5, 5), (SIZE, SIZE), (7, 5), (8, 5))
    assert stability(flicker, motions).tolist() == [0, 0, 1]


def test_what_only_one_frame_can_show_is_not_compared() -> None:
    # The prediction reaches beyond the right border in the second frame, the truth does not.
    motions = true_motions(squares((5, 10), (5, 15)))
    assert motions == [Motion(0, 0, 5)]
    prediction = np.zeros((2, SIZE, SIZE), dtype=bool)
    prediction[0, 5:9, 10:18] = True  # moved: 15..22, of which 20..22 have no place
    prediction[1, 5:9, 15:20] = True
    assert stability(prediction, motions).tolist() == [1]


@settings(max_examples=60, deadline=None)
@given(masks=arrays(np.bool_, (2, 4, 5)), rows=st.integers(-3, 3), columns=st.integers(-4, 4))
def test_against_sets_of_pixels(masks: np.ndarray, rows: int, columns: int) -> None:
    pixels = {(y, x) for y in range(4) for x in range(5)}
    common = pixels & {(y + rows, x + columns) for y, x in pixels}
    before = {(y + rows, x + columns) for y, x in np.argwhere(masks[0]).tolist()} & common
    after = {tuple(place) for place in np.argwhere(masks[1]).tolist()} & common
    expected = len(before & after) / len(before | after) if before | after else 0
    assert stability(masks, [Motion(0, rows, columns)]).tolist() == [expected]
