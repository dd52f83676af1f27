"""The drawn order: where nodes and arrows are, and which colours they have."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.evaluation.functional import Occlusion
from c2fseg.visualization import PanelObject, draw_order, draw_order_graph
from c2fseg.visualization.drawing import PALETTE
from c2fseg.visualization.layout import CAPTION_HEIGHT
from c2fseg.visualization.order_graph import ARROW_COLOR, CIRCLE_COLOR, NODE_RADIUS, place_nodes
from c2fseg.visualization.panels import deepest_point

CHAIN = [Occlusion(0, 1, 5), Occlusion(1, 2, 5)]


def has_color(image: np.ndarray, color) -> bool:
    return bool((image == np.array(color, np.uint8)).all(axis=-1).any())


def test_layers_lie_below_each_other_and_nodes_of_a_layer_beside_each_other():
    points = place_nodes([[0, 3], [1]], 200)
    assert points[0][1] == points[3][1] == 50
    assert points[1][1] == 150
    assert points[0][0] < points[3][0]
    assert all(0 < value < 200 for point in points.values() for value in point)
    assert place_nodes([], 200) == {}


def test_a_graph_shows_its_nodes_in_their_colours_and_leaves_out_those_apart():
    drawn = draw_order_graph(CHAIN, 4, side=160)
    assert drawn.shape == (160 + CAPTION_HEIGHT, 160, 3)
    points = place_nodes([[0], [1], [2]], 160)
    for node, (x, y) in points.items():
        # Beside the number, inside the circle.
        found = drawn[CAPTION_HEIGHT + y - NODE_RADIUS + 4, x]
        assert tuple(int(value) for value in found) == PALETTE[node]
    assert not has_color(drawn, PALETTE[3])
    assert has_color(drawn, ARROW_COLOR)
    assert not has_color(drawn, CIRCLE_COLOR)


def test_arrows_of_a_circle_are_red_and_others_are_not():
    circle = [*CHAIN, Occlusion(2, 0, 5), Occlusion(2, 3, 5)]
    drawn = draw_order_graph(circle, 4, side=160)
    assert has_color(drawn, CIRCLE_COLOR)
    assert has_color(drawn, ARROW_COLOR)


def test_a_picture_has_an_arrow_between_its_two_objects():
    image = np.full((40, 60, 3), 200, np.uint8)
    near, far = np.zeros((2, 40, 60), bool)
    near[10:30, 5:20] = True
    far[10:30, 35:55] = True
    items = [PanelObject(near, near), PanelObject(far, far | np.roll(far, -20, axis=1))]
    before = image.copy()
    apart = draw_order(image, items, [], side=240)
    drawn = draw_order(image, items, [Occlusion(0, 1, 9)], side=240)
    assert drawn.shape == apart.shape
    assert (image == before).all()
    left = np.flatnonzero((drawn != apart).any(axis=(0, 2)))
    # Between the two objects, scaled by 4, inside the tile of the picture; then the graph.
    inside = left[left < 240]
    assert inside.min() > 4 * 8
    assert inside.max() < 4 * 52
    assert has_color(drawn, PALETTE[0])


def test_an_object_without_visible_pixels_gets_no_node():
    image = np.zeros((20, 20, 3), np.uint8)
    empty = np.zeros((20, 20), bool)
    assert deepest_point(empty) is None
    seen = empty.copy()
    seen[5:16, 5:16] = True
    assert deepest_point(seen) == (10, 10)
    drawn = draw_order(image, [PanelObject(seen), PanelObject(empty)], [Occlusion(0, 1, 3)], 120)
    assert drawn.dtype == np.uint8


def test_bad_input():
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ValueError, match='visible mask has shape'):
        draw_order(image, [PanelObject(np.zeros((3, 3), bool))], [])
    with pytest.raises(ValueError, match='between two of 1 objects'):
        draw_order(image, [PanelObject(np.zeros((20, 20), bool))], CHAIN)
