"""What pasting leaves in a picture, and what it says is seen."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.datasets.occlusion_synthesis import (
    CutOut,
    cut_out,
    paste_behind,
    paste_in_front,
)

RED = (200, 0, 0)


def red_box() -> CutOut:
    """A red object of 6 x 8 px in a green picture, cut out with 2 px around it."""
    image = np.zeros((30, 30, 3), np.uint8)
    image[..., 1] = 255
    image[12:18, 12:20] = RED
    mask = np.zeros((30, 30), np.uint8)
    mask[12:18, 12:20] = 1
    return cut_out(image, mask, margin=2)


def test_a_hard_edge_puts_exactly_the_object() -> None:
    image = np.full((40, 50, 3), 100, np.uint8)
    seen = paste_in_front(image, red_box(), left=20, top=10, feather=0.0)
    expected = np.zeros((40, 50), np.uint8)
    expected[12:18, 22:30] = 1
    assert np.array_equal(seen, expected)
    assert (image[expected == 1] == RED).all()
    assert (image[expected == 0] == 100).all()  # none of the green around it


def test_a_soft_edge_mixes_and_keeps_the_middle() -> None:
    image = np.full((40, 50, 3), 100, np.uint8)
    seen = paste_in_front(image, red_box(), left=20, top=10, feather=1.0)
    assert (image[14:16, 25:27] == RED).all()
    # Beside the edge both halves meet: the blur of a step is one half at the step.
    outside, inside = (int(image[15, column, 0]) for column in (21, 22))
    assert 100 < outside < 150 < inside < 200
    assert seen[15, 21] == 0
    assert seen[15, 22] == 1
    assert (image[..., 1] <= 100).all()  # no green of where it comes from
    assert (image[:5] == 100).all()


@pytest.mark.parametrize(('left', 'top', 'pixels'), [(-6, 10, 4 * 6), (45, 35, 3 * 3), (90, 0, 0)])
def test_what_leaves_the_picture_is_cut_off(left: int, top: int, pixels: int) -> None:
    image = np.full((40, 50, 3), 100, np.uint8)
    seen = paste_in_front(image, red_box(), left, top, feather=0.0)
    assert int(seen.sum()) == pixels
    assert int((image[..., 0] == 200).sum()) == pixels


def test_colours_move_towards_the_surroundings() -> None:
    image = np.full((60, 60, 3), 100, np.uint8)
    paste_in_front(image, red_box(), 20, 20, feather=0.0, colour_match=1.0)
    # The mean of the surroundings is 100 in each channel, that of the object (200, 0, 0).
    assert (image[24, 25] == 100).all()
    half = np.full((60, 60, 3), 100, np.uint8)
    paste_in_front(half, red_box(), 20, 20, feather=0.0, colour_match=0.5)
    assert half[24, 25].tolist() == [150, 50, 50]


def test_what_is_in_front_stays_in_front() -> None:
    image = np.full((40, 50, 3), 100, np.uint8)
    front = np.zeros((40, 50), np.uint8)
    front[:, 26:] = 1
    seen = paste_behind(image, red_box(), 20, 10, front, feather=0.0)
    expected = np.zeros((40, 50), np.uint8)
    expected[12:18, 22:26] = 1
    assert np.array_equal(seen, expected)
    assert (image[front == 1] == 100).all()
    assert (image[expected == 1] == RED).all()
