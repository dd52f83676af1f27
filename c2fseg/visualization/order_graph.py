"""The occlusion order of a picture, drawn: arrows between its objects, and the graph beside it.

An arrow leads from the object in front to the one that it hides a part of.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from c2fseg.evaluation.functional import (
    Occlusion,
    depth_layers,
    occlusion_cycles,
    occlusion_graph,
)
from c2fseg.visualization.drawing import CASING_COLOR, PALETTE, Color, check_mask
from c2fseg.visualization.layout import (
    BACKGROUND,
    FONT,
    GAP,
    captioned,
    framed,
    join,
    resize,
    resize_mask,
)
from c2fseg.visualization.panels import PanelObject, deepest_point, draw_objects

CIRCLE_COLOR: Color = (211, 47, 47)
ARROW_COLOR: Color = (120, 120, 120)
NODE_RADIUS = 15
Point = tuple[int, int]


def draw_order(
    image: np.ndarray,
    items: Sequence[PanelObject],
    occlusions: Sequence[Occlusion],
    side: int = 448,
) -> np.ndarray:
    """Draw a picture with numbered objects and arrows, and the graph in layers beside it.

    Args:
        image: (H, W, 3) uint8 RGB.
        items: The objects; numbers and colours are their places.
        occlusions: From :func:`occlusion_order`, positions in ``items``.
        side: Side of the two tiles, px.

    Returns:
        RGB picture.

    Raises:
        ValueError: A mask and the picture differ in size, or an occlusion names another object.
    """
    graph = draw_order_graph(occlusions, len(items), side)
    for item in items:
        check_mask(item.visible, image, 'visible')
    factor = side / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    scaled = [
        PanelObject(
            resize_mask(item.visible, size),
            None if item.amodal is None else resize_mask(item.amodal, size),
        )
        for item in items
    ]
    drawn = draw_objects(resize(image, size), scaled, numbers=False)
    points = [deepest_point(item.visible) for item in scaled]
    for front, back, _ in occlusions:
        if points[front] is not None and points[back] is not None:
            _draw_arrow(drawn, points[front], points[back], _color(front), NODE_RADIUS - 3)
    for place, point in enumerate(points):
        if point is not None:
            _draw_node(drawn, point, place, NODE_RADIUS - 4)
    tiles = [captioned(drawn, 'arrows: from the object in front to the one it hides', side), graph]
    return framed(join(tiles, axis=1))


def draw_order_graph(
    occlusions: Sequence[Occlusion], num_objects: int, side: int = 448
) -> np.ndarray:
    """Draw the graph of an order in layers, the front ones on top; circles have red arrows.

    Objects that hide nothing and that nothing hides are counted in the caption alone.

    Args:
        occlusions: Positions below ``num_objects``.
        num_objects: Objects of the picture.
        side: Side of the tile, px.

    Returns:
        (side + caption, side, 3) uint8 RGB.

    Raises:
        ValueError: An occlusion names an object that is not there.
    """
    graph = occlusion_graph(occlusions, num_objects)
    apart = [node for node in graph if not graph.degree[node]]
    graph.remove_nodes_from(apart)
    circles = occlusion_cycles(graph)
    canvas = np.full((side, side, 3), BACKGROUND, np.uint8)
    points = place_nodes(depth_layers(graph), side)
    inside = {node: number for number, circle in enumerate(circles) for node in circle}
    for front, back in graph.edges:
        in_circle = front in inside and inside[front] == inside.get(back)
        color = CIRCLE_COLOR if in_circle else ARROW_COLOR
        _draw_arrow(canvas, points[front], points[back], color, NODE_RADIUS + 1, casing=False)
    for node, point in points.items():
        _draw_node(canvas, point, node, NODE_RADIUS)
    caption = f'front (top) to back: {graph.number_of_edges()} occlusions'
    if circles:
        caption += f', {len(circles)} circle{"s" if len(circles) > 1 else ""} (red)'
    if apart:
        caption += f', {len(apart)} apart'
    return captioned(canvas, caption, side)


def place_nodes(layers: Sequence[Sequence[int]], side: int) -> dict[int, Point]:
    """Spread the nodes of layers over a square.

    Args:
        layers: Nodes of each layer, the front one first.
        side: Side of the square, px.

    Returns:
        (x, y) of each node; layers lie below each other, and every other one is moved to the
        side, so that an arrow over two layers meets no node between them.
    """
    points = {}
    for row, layer in enumerate(layers):
        y = round(side * (row + 0.5) / len(layers))
        shift = 0.25 * (-1) ** row / (len(layer) + 1) if len(layers) > 1 else 0.0
        for column, node in enumerate(layer):
            points[node] = (round(side * ((column + 1) / (len(layer) + 1) + shift)), y)
    return points


def _color(place: int) -> Color:
    return PALETTE[place % len(PALETTE)]


def _draw_node(image: np.ndarray, point: Point, place: int, radius: int) -> None:
    cv2.circle(image, point, radius, CASING_COLOR, 2, cv2.LINE_AA)
    cv2.circle(image, point, radius, _color(place), -1, cv2.LINE_AA)
    text, scale = str(place + 1), radius / 24
    (width, height), _ = cv2.getTextSize(text, FONT, scale, 1)
    origin = (point[0] - width // 2, point[1] + height // 2)
    cv2.putText(image, text, origin, FONT, scale, CASING_COLOR, 4, cv2.LINE_AA)
    cv2.putText(image, text, origin, FONT, scale, BACKGROUND, 1, cv2.LINE_AA)


def _draw_arrow(
    image: np.ndarray, start: Point, end: Point, color: Color, gap: int, casing: bool = True
) -> None:
    """Draw an arrow that keeps ``gap`` px from both points; a casing is seen on any picture."""
    away = np.subtract(end, start)
    length = float(np.hypot(*away))
    if length <= 2 * gap + GAP:
        return  # the nodes touch: there is no room for an arrow
    step = away / length
    first, last = np.rint(start + gap * step), np.rint(end - gap * step)
    tip = min(0.5, 11 / (length - 2 * gap))
    ends = [tuple(int(value) for value in point) for point in (first, last)]
    for line_color, width in ((CASING_COLOR, 4), (color, 2))[0 if casing else 1 :]:
        cv2.arrowedLine(image, *ends, line_color, width, cv2.LINE_AA, tipLength=tip)
