"""Who hides whom: hand-made overlaps, mutual and circular occlusion, the order of pcnet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.evaluation.functional import (
    Occlusion,
    depth_layers,
    occlusion_cycles,
    occlusion_graph,
    occlusion_order,
    order_matrix,
    true_order,
)
from c2fseg.structures import encode_mask

SIZE = (20, 30)


def rect(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def coded(masks) -> list[dict]:
    return [encode_mask(mask) for mask in masks]


def order(visible, amodal, **options) -> list[tuple]:
    return [tuple(item) for item in occlusion_order(coded(visible), coded(amodal), **options)]


def test_the_object_behind_is_the_one_whose_hidden_part_lies_under_the_other():
    near, far = rect(0, 0, 10, 10), rect(5, 5, 15, 15)
    assert order([near, far & ~near], [near, far]) == [(0, 1, 25)]
    assert order([far & ~near, near], [far, near]) == [(1, 0, 25)]


def test_of_three_in_a_row_only_those_that_touch_are_ordered():
    first, second, third = rect(0, 0, 8, 8), rect(6, 0, 16, 8), rect(14, 0, 20, 8)
    visible = [first, second & ~first & ~third, third]
    assert order(visible, [first, second, third]) == [(0, 1, 16), (2, 1, 16)]


def test_objects_without_contact_or_without_a_hidden_part_have_no_order():
    apart = [rect(0, 0, 5, 5), rect(10, 10, 15, 15)]
    beside = [rect(0, 0, 5, 5), rect(5, 0, 10, 5)]
    assert order(apart, apart) == order(beside, beside) == []
    assert order([], []) == []
    # The boxes overlap, the masks do not.
    corner = rect(0, 0, 10, 10) & ~rect(2, 2, 10, 10)
    assert order([corner, rect(4, 4, 8, 8)], [corner, rect(4, 4, 8, 8)]) == []


def test_of_a_mutual_occlusion_the_larger_part_decides_and_equal_parts_decide_nothing():
    # Each of the two bars has its hidden part under the other: 12 px of the second, 4 px of the
    # first.
    first, second = rect(0, 0, 10, 4), rect(10, 0, 20, 4)
    whole = [first | rect(10, 0, 11, 4), second | rect(7, 0, 10, 4)]
    assert order([first, second], whole) == [(0, 1, 12)]
    whole = [first | rect(10, 0, 13, 4), second | rect(7, 0, 10, 4)]
    assert order([first, second], whole) == []


def test_a_hidden_part_below_the_least_share_does_not_count():
    near, far = rect(0, 0, 10, 10), rect(9, 0, 29, 10)  # 10 of 200 px are hidden
    assert order([near, far & ~near], [near, far], min_share=0.05) == [(0, 1, 10)]
    assert order([near, far & ~near], [near, far], min_share=0.051) == []


def test_pixels_that_both_visible_masks_hold_hide_nothing():
    near, far = rect(0, 0, 10, 10), rect(8, 0, 20, 10)
    assert order([near, far], [near, far]) == []


def test_a_completed_mask_that_leaves_out_the_visible_part_is_measured_with_it():
    near, far = rect(0, 0, 10, 10), rect(9, 0, 29, 10)
    hidden = far & near  # 10 px; with V 200
    assert order([near, far & ~near], [near, hidden], min_share=0.06) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_with_true_masks_the_order_is_that_of_the_field(seed: int, count: int):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, (20, 12), (count, 2))
    sides = rng.integers(3, 12, (count, 2))
    amodal = np.stack([rect(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sides)])
    visible = amodal.copy()
    for far in range(1, count):  # the first is the nearest
        visible[far] &= ~amodal[:far].any(axis=0)
    expected = true_order(visible, amodal)
    found = order_matrix(occlusion_order(coded(visible), coded(amodal), 0.0), count)
    known = found != 0
    np.testing.assert_array_equal(found[known & (expected != 0)], expected[known & (expected != 0)])
    # What pcnet knows of objects that touch is found too.
    assert not ((expected != 0) & ~known).any()


@pytest.mark.parametrize(
    ('visible', 'amodal', 'options', 'message'),
    [
        ([rect(0, 0, 1, 1)], [], {}, 'got 1 and 0'),
        ([rect(0, 0, 1, 1)], [np.ones((3, 3))], {}, r'one size \(H, W\)'),
        ([], [], dict(min_share=1), 'min_share'),
    ],
)
def test_bad_input(visible, amodal, options, message):
    with pytest.raises(ValueError, match=message):
        order(visible, amodal, **options)


def test_arrays_in_place_of_rle_are_refused():
    with pytest.raises(ValueError, match='encode_mask'):
        occlusion_order([rect(0, 0, 1, 1)], [rect(0, 0, 1, 1)])


def test_layers_and_cycles_of_a_graph_by_hand():
    edges = [Occlusion(0, 1, 5), Occlusion(1, 2, 5), Occlusion(0, 2, 1)]
    graph = occlusion_graph(edges, 4)
    assert depth_layers(graph) == [[0, 3], [1], [2]]
    assert occlusion_cycles(graph) == []
    assert graph.edges[0, 2]['pixels'] == 1
    circle = occlusion_graph([*edges[:2], Occlusion(2, 0, 3), Occlusion(2, 3, 1)], 4)
    assert occlusion_cycles(circle) == [[0, 1, 2]]
    assert depth_layers(circle) == [[0, 1, 2], [3]]
    assert depth_layers(occlusion_graph([], 0)) == []
    assert order_matrix(edges, 3).tolist() == [[0, 1, 1], [-1, 0, 1], [-1, -1, 0]]


@pytest.mark.parametrize('edge', [Occlusion(0, 5, 1), Occlusion(1, 1, 1)])
def test_an_edge_of_other_objects_is_refused(edge):
    with pytest.raises(ValueError, match='between two of 3 objects'):
        occlusion_graph([edge], 3)
