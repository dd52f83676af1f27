"""Boxes of masks and crop windows, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.structures import crop_window, masks_to_boxes


def test_masks_to_boxes_has_exclusive_ends_and_zeros_for_an_empty_mask() -> None:
    masks = np.zeros((2, 2, 7, 9), np.uint8)
    masks[0, 0, 2, 3] = 1
    masks[0, 1, 1:5, 4:9] = 255
    masks[1, 0, 0, 0] = masks[1, 0, 6, 8] = 1
    expected = [[[3, 2, 4, 3], [4, 1, 9, 5]], [[0, 0, 9, 7], [0, 0, 0, 0]]]
    boxes = masks_to_boxes(masks)
    assert boxes.dtype == np.int64
    assert boxes.tolist() == expected
    tensor = masks_to_boxes(torch.from_numpy(masks))
    assert tensor.dtype == torch.int64
    assert tensor.tolist() == expected
    assert masks_to_boxes(torch.from_numpy(masks) > 0).tolist() == expected


def test_masks_to_boxes_refuses_a_vector() -> None:
    with pytest.raises(ValueError, match=r'\(\.\.\., H, W\)'):
        masks_to_boxes(np.zeros(4))


@pytest.mark.parametrize(
    ('box', 'enlarge', 'expected'),
    [
        # rows 20-40: centre 30, length 40, 10..50; columns 50-57: centre 53, length 14, 46..60
        ((50, 20, 57, 40), 2.0, [46, 10, 61, 51]),
        # side 5: int(7.5) = 7, half 3, centre 12, 9..15
        ((10, 10, 15, 15), 1.5, [9, 9, 16, 16]),
        # one pixel: centre 30, length 2, 29..31
        ((30, 30, 31, 31), 2.0, [29, 29, 32, 32]),
        # the corner: 108 - 18 .. 126 is cut to 120, 60 - 12 .. 72 to 72
        ((96, 48, 120, 72), 1.5, [90, 42, 120, 72]),
        # fractions count: centre floor(15.6) = 15, length int(19.9) = 19, half 9, 6..24;
        # rows: centre floor(20.55) = 20, length int(41.0) = 41, half 20
        ((10.65, 10.3, 20.6, 30.8), 2.0, [6, 0, 25, 41]),
        # the whole image
        ((0, 0, 120, 72), 2.0, [0, 0, 120, 72]),
    ],
)
def test_crop_window_by_hand(box: tuple, enlarge: float, expected: list[int]) -> None:
    assert crop_window(box, enlarge, (72, 120)).tolist() == expected


def test_crop_window_square_and_unclipped() -> None:
    # 20 wide, 6 high: both directions get length 40 around (60, 13)
    box = (50, 10, 70, 16)
    assert crop_window(box, 2.0, (72, 120), square=True).tolist() == [40, 0, 81, 34]
    window = crop_window(box, 2.0, (72, 120), square=True, clip=False)
    assert window.tolist() == [40, -7, 81, 34]
    # A box outside the image is no error when the window may leave it.
    outside = crop_window((130, 0, 140, 10), 1.0, (72, 120), clip=False)
    assert outside.tolist() == [130, 0, 141, 11]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(0, 59), st.integers(1, 60), st.floats(1, 3, allow_nan=False))
def test_crop_window_is_the_published_slice(
    size: int, start: int, length: int, enlarge: float
) -> None:
    """The slice ``[R0:R1 + 1]`` of an array, written out as the paper's code does it."""
    r0 = min(start, size - 1)
    r1 = min(size, r0 + length)
    centre = (r0 + r1) // 2
    span = int((r1 - r0) * enlarge)
    low = max(0, centre - span // 2)
    high = min(size, centre + span // 2)
    expected = np.arange(size)[low : high + 1]
    x0, _, x1, _ = crop_window((r0, 0, r1, 1), enlarge, (1, size))
    assert np.array_equal(np.arange(x0, x1), expected)


def test_crop_window_refuses_what_is_no_box() -> None:
    with pytest.raises(ValueError, match='positive width and height'):
        crop_window((5, 5, 5, 9), 2.0, (20, 20))
    with pytest.raises(ValueError, match='enlarge > 0'):
        crop_window((5, 5, 6, 9), 0.0, (20, 20))
    with pytest.raises(ValueError, match='outside its image'):
        crop_window((50, 5, 60, 9), 1.0, (20, 20))
