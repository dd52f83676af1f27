"""The windows of a clip, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.structures import crop_window, track_windows

SIZE = (72, 120)
NOTHING = [0, 0, 0, 0]
# Two frames with a box, of windows [15, 2, 36, 33] and [60, 20, 101, 41], and hidden ones.
FIRST, LAST = [20, 10, 30, 25], [70, 25, 90, 35]


def windows(*boxes: list[int], **kwargs) -> list[list[int]]:
    return track_windows(np.array(boxes), 2.0, SIZE, **kwargs).tolist()


def test_a_frame_of_its_own_is_crop_window() -> None:
    assert windows(FIRST) == [[15, 2, 36, 33]]
    assert windows(FIRST, LAST) == [[15, 2, 36, 33], [60, 20, 101, 41]]
    assert windows(LAST, square=True) == [[60, 10, 101, 51]]


def test_hidden_frames_lie_between_their_neighbours() -> None:
    found = windows(NOTHING, FIRST, NOTHING, NOTHING, LAST, NOTHING, NOTHING)
    # A third of (45, 18, 65, 8) is (15, 6, 21.67, 2.67), two thirds (30, 12, 43.33, 5.33).
    assert found == [
        [15, 2, 36, 33],
        [15, 2, 36, 33],
        [30, 8, 58, 36],
        [45, 14, 79, 38],
        [60, 20, 101, 41],
        [60, 20, 101, 41],
        [60, 20, 101, 41],
    ]


def test_halves_go_up_at_both_ends() -> None:
    found = windows([20, 20, 30, 30], NOTHING, [23, 20, 33, 30])
    assert found == [[15, 15, 36, 36], [17, 15, 38, 36], [18, 15, 39, 36]]


def test_centre_takes_the_largest_height_and_the_largest_width() -> None:
    # Heights 31 and 21, widths 21 and 41: all get 31 x 41 around (25, 17) and (80, 30).
    found = windows(FIRST, NOTHING, LAST, track_scale='centre')
    assert found == [[5, 2, 46, 33], [33, 9, 74, 40], [60, 15, 101, 46]]
    # A square of 41 for both. The first one leaves the image at the top.
    found = windows(FIRST, LAST, track_scale='centre', square=True)
    assert found == [[5, -3, 46, 38], [60, 10, 101, 51]]


def test_corner_grows_clipped_windows_to_the_right_and_down() -> None:
    corner = [100, 60, 120, 72]  # centre (110, 66), 41 x 25, clipped: [90, 54, 120, 72]
    found = windows(FIRST, corner, track_scale='corner')
    assert found == [[15, 2, 45, 33], [90, 54, 120, 85]]
    assert windows(FIRST, corner, track_scale='corner', clip=False) == found
    found = windows(FIRST, NOTHING, corner, track_scale='corner')
    assert found[1] == [53, 28, 83, 59]  # starts where its own [52.5, 28, 78, 52.5] does


boxes_of_a_clip = st.lists(
    st.one_of(
        st.just(NOTHING),
        st.tuples(
            st.integers(0, 100), st.integers(0, 60), st.integers(1, 20), st.integers(1, 12)
        ).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]),
    ),
    min_size=1,
    max_size=12,
).filter(lambda boxes: any(box != NOTHING for box in boxes))


@settings(deadline=None, max_examples=100)
@given(boxes_of_a_clip, st.floats(1.0, 3.0), st.booleans(), st.booleans())
def test_properties_of_any_clip(
    boxes: list[list[int]], enlarge: float, square: bool, clip: bool
) -> None:
    array = np.array(boxes)
    seen = [t for t, box in enumerate(boxes) if box != NOTHING]
    own, centre, corner = (
        track_windows(array, enlarge, SIZE, square, clip, scale)
        for scale in (None, 'centre', 'corner')
    )
    single = {t: crop_window(boxes[t], enlarge, SIZE, square, clip) for t in seen}
    clipped = {t: crop_window(boxes[t], enlarge, SIZE, square, True) for t in seen}
    for found in (own, centre, corner):
        assert found.dtype == np.int64
        assert found.shape == array.shape
        assert (found[:, 2:] > found[:, :2]).all()
    for found in (centre, corner):
        assert len(np.unique(found[:, 2:] - found[:, :2], axis=0)) == 1
    for t in seen:
        assert np.array_equal(own[t], single[t])
        assert np.array_equal(corner[t, :2], clipped[t][:2])
        whole = crop_window(boxes[t], enlarge, SIZE, square, False)
        assert np.array_equal(centre[t, :2] + centre[t, 2:], whole[:2] + whole[2:])
        assert (centre[t, :2] <= whole[:2]).all()
        assert (corner[t, 2:] >= clipped[t][2:]).all()
    if clip:
        assert (own >= 0).all()
        assert (own[:, 2:] <= SIZE[::-1]).all()
    for t in range(len(boxes)):
        if t < seen[0] or t > seen[-1]:
            nearest = seen[0] if t < seen[0] else seen[-1]
            assert np.array_equal(centre[t], centre[nearest])
            assert np.array_equal(own[t], own[nearest])


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match=r'none of the 2 boxes has an extent'):
        windows(NOTHING, NOTHING)
    with pytest.raises(ValueError, match=r"track_scale is one of .*'centre'.*got 'middle'"):
        windows(FIRST, track_scale='middle')
    with pytest.raises(ValueError, match=r'boxes \(T, 4\), got shape \(4,\)'):
        track_windows(np.array(FIRST), 2.0, SIZE)
    with pytest.raises(ValueError, match='enlarge > 0'):
        track_windows(np.array([FIRST]), 0.0, SIZE)
