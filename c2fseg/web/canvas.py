"""The picture on the page: objects, the selected one in front, and what was clicked."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np

from c2fseg.visualization.drawing import PALETTE, blend, draw_outline, hatch, line_width
from c2fseg.web.workbench import FoundObject, Workbench

PARTS = ('visible', 'hidden', 'whole')
# Small pictures are drawn enlarged to about this side, so that outlines are fine and not blocks.
CANVAS_SIDE = 1024
MAX_ZOOM = 4
MARK_COLOR = (255, 255, 255)
ON_COLOR, BESIDE_COLOR = (0, 200, 83), (229, 57, 53)
THUMBNAIL_SIDE = 240
MARGIN = 0.15


def zoom_of(image: np.ndarray) -> int:
    """How many times larger than it is a picture is drawn.

    Args:
        image: (H, W, 3).
    """
    return int(np.clip(CANVAS_SIDE // max(image.shape[:2]), 1, MAX_ZOOM))


def object_color(place: int) -> tuple[int, int, int]:
    """RGB of an object.

    Args:
        place: Its position in the picture.
    """
    return PALETTE[place % len(PALETTE)]


def draw_canvas(bench: Workbench, opacity: float, parts: Collection[str] = PARTS) -> np.ndarray:
    """Draw the picture with its objects.

    Args:
        bench: The picture.
        opacity: Of the fills, 0 to 1.
        parts: What is drawn of each object, of ``PARTS``: the filled visible part, the hatched
            hidden one, the outline of the whole.

    Returns:
        (zoom * H, zoom * W, 3) uint8 RGB.
    """
    zoom = zoom_of(bench.image)
    canvas = _enlarge(bench.image, zoom)
    order = list(range(len(bench.objects)))
    if bench.selected is not None:  # last, so that nothing covers it
        order.append(order.pop(bench.selected))
    for place in order:
        one = bench.objects[place]
        visible, whole = (
            _enlarge_mask(mask, zoom) for mask in (one.visible_mask(), one.whole_mask())
        )
        width = line_width(canvas.shape[:2]) + (place == bench.selected)
        canvas = _draw_object(canvas, visible, whole, object_color(place), opacity, parts, width)
    for place in order:
        canvas = _draw_number(canvas, bench.objects[place], place, zoom)
    return _draw_marks(canvas, bench, zoom)


def draw_thumbnail(
    image: np.ndarray, one: FoundObject, guess: int, color: tuple[int, int, int]
) -> np.ndarray:
    """Cut an object out with a guess of its whole.

    Args:
        image: (H, W, 3) uint8 RGB.
        one: The object.
        guess: Position of the guess.
        color: RGB of the object.

    Returns:
        (side, side, 3) uint8 RGB: the same window for all guesses of the object.
    """
    height, width = image.shape[:2]
    masks = [one.whole_mask(place) for place in range(len(one.wholes))]
    visible = one.visible_mask()
    x1, y1, x2, y2 = _window(np.any([visible, *masks], axis=0))
    pad = [(max(0, -y1), max(0, y2 - height)), (max(0, -x1), max(0, x2 - width))]
    rows, columns = slice(max(0, y1), y2), slice(max(0, x1), x2)
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    crop = np.pad(image[rows, columns], [*pad, (0, 0)], constant_values=235)
    crop = cv2.resize(crop, side, interpolation=cv2.INTER_CUBIC)
    seen, whole = (
        _resize_mask(np.pad(mask[rows, columns], pad), side) for mask in (visible, masks[guess])
    )
    return _draw_object(crop, seen, whole, color, 0.45, PARTS, 2)


def _draw_object(
    canvas: np.ndarray,
    visible: np.ndarray,
    whole: np.ndarray,
    color: tuple[int, int, int],
    opacity: float,
    parts: Collection[str],
    width: int,
) -> np.ndarray:
    hidden = whole & ~visible
    if 'visible' in parts:
        canvas = blend(canvas, visible, color, 0.8 * opacity)
    if 'hidden' in parts:
        canvas = blend(canvas, hidden, color, 0.5 * opacity)
        stripes = hatch(canvas.shape[:2], period=6 * width + 2, width=2 * width)
        canvas = blend(canvas, hidden & stripes, color, opacity)
    if 'whole' in parts:
        canvas = draw_outline(canvas, whole | visible, color, width)
    return canvas


def _draw_number(canvas: np.ndarray, one: FoundObject, place: int, zoom: int) -> np.ndarray:
    """Write an object's number on the innermost point of its visible part."""
    visible = np.pad(one.visible_mask().astype(np.uint8), 1)
    depth = cv2.distanceTransform(visible, cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    center = (int((column - 0.5) * zoom), int((row - 0.5) * zoom))
    size = max(9, max(canvas.shape[:2]) // 64)
    cv2.circle(canvas, center, size, object_color(place), -1, cv2.LINE_AA)
    cv2.circle(canvas, center, size, MARK_COLOR, max(1, size // 8), cv2.LINE_AA)
    text, font, scale = str(place + 1), cv2.FONT_HERSHEY_SIMPLEX, size / 18
    thick = max(1, size // 7)
    (width, height), _ = cv2.getTextSize(text, font, scale, thick)
    start = (center[0] - width // 2, center[1] + height // 2)
    cv2.putText(canvas, text, start, font, scale, MARK_COLOR, thick, cv2.LINE_AA)
    return canvas


def _draw_marks(canvas: np.ndarray, bench: Workbench, zoom: int) -> np.ndarray:
    """Draw the clicks and the box of the selected object, and a corner under way."""
    size = max(5, max(canvas.shape[:2]) // 150)
    current = bench.current
    if current is not None and current.box is not None:
        start, end = ((int(x * zoom), int(y * zoom)) for x, y in (current.box[:2], current.box[2:]))
        for color, width in (((0, 0, 0), 3), (MARK_COLOR, 1)):
            cv2.rectangle(canvas, start, end, color, width, cv2.LINE_AA)
    for x, y, label in [] if current is None else current.clicks:
        center = (int((x + 0.5) * zoom), int((y + 0.5) * zoom))
        cv2.circle(canvas, center, size + 2, MARK_COLOR, -1, cv2.LINE_AA)
        cv2.circle(canvas, center, size, ON_COLOR if label else BESIDE_COLOR, -1, cv2.LINE_AA)
    if bench.corner is not None:
        x, y = (int((value + 0.5) * zoom) for value in bench.corner)
        for color, width in (((0, 0, 0), 4), (MARK_COLOR, 2)):
            cv2.line(canvas, (x - 3 * size, y), (x + 3 * size, y), color, width, cv2.LINE_AA)
            cv2.line(canvas, (x, y - 3 * size), (x, y + 3 * size), color, width, cv2.LINE_AA)
    return canvas


def _window(mask: np.ndarray) -> tuple[int, int, int, int]:
    """A square with some room around a mask: xyxy px, it may leave the picture."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x1, x2, y1, y2 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    side = int((1 + 2 * MARGIN) * max(x2 - x1, y2 - y1)) + 2
    left, top = int(x1 + x2 - side) // 2, int(y1 + y2 - side) // 2
    return left, top, left + side, top + side


def _enlarge(image: np.ndarray, zoom: int) -> np.ndarray:
    if zoom == 1:
        return image.copy()
    size = (zoom * image.shape[1], zoom * image.shape[0])
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def _enlarge_mask(mask: np.ndarray, zoom: int) -> np.ndarray:
    return mask if zoom == 1 else _resize_mask(mask, (zoom * mask.shape[1], zoom * mask.shape[0]))


def _resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask smoothly to (width, height)."""
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
