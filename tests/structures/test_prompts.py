"""Windows about prompts and the maps that show them, with values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2fseg.structures import crop_and_resize
from c2fseg.structures.prompts import draw_prompts, points_in_crop, square_window


def test_a_window_is_moved_into_the_picture() -> None:
    assert square_window((50, 50), 20, (100, 200)).tolist() == [40, 40, 60, 60]
    assert square_window((3, 98), 20, (100, 200)).tolist() == [0, 80, 20, 100]
    # As wide as the picture and higher than it: the picture lies in its middle.
    assert square_window((10, 10), 200, (100, 200)).tolist() == [0, -50, 200, 150]
    assert square_window((50, 50), 19.2, (100, 200)).tolist() == [40, 40, 60, 60]
    with pytest.raises(ValueError, match='positive side'):
        square_window((5, 5), 0, (10, 10))


def test_a_box_covers_shares_of_pixels() -> None:
    maps = draw_prompts(np.array([2.0, 0, 5, 4]), None, (0, 0, 8, 8), (4, 4))
    # Pixels of the crop are two pixels wide: columns 2 and 3 are covered wholly, 4 by half.
    row = [0, 1, 0.5, 0]
    assert np.array_equal(maps[..., 0], [row, row, [0] * 4, [0] * 4])
    assert not maps[..., 1].any()


def test_clicks_are_discs_of_either_sign() -> None:
    points = np.array([[12, 13, 1], [17, 17, 0]], float)
    maps = draw_prompts(None, points, (10, 10, 20, 20), (10, 10), radius=1.0)
    expected = np.zeros((10, 10))
    for y, x, value in ((3, 2, 1), (7, 7, -1)):
        for dy, dx in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
            expected[y + dy, x + dx] = value
    assert np.array_equal(maps[..., 1], expected)
    assert not maps[..., 0].any()


@given(
    x=st.integers(0, 59), y=st.integers(0, 39), side=st.integers(20, 80), size=st.integers(64, 128)
)
def test_clicks_lie_in_the_crop_where_their_pixels_do(x: int, y: int, side: int, size: int) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[y, x] = 1
    window = square_window((x, y), side, mask.shape)
    crop = crop_and_resize(mask, window, (size, size), 'nearest')
    ((column, row),) = points_in_crop(np.array([[x + 0.3, y + 0.9]]), window, (size, size))
    if side <= size:  # every pixel of the picture is in the crop
        assert crop[int(row), int(column)] == 1
