"""Prompts: where the window of a click or a box lies, and the maps that show them to a model.

A click means the pixel that it lies in: x from 10 up to, not including, 11 is column 10. Boxes are
``xyxy`` in pixels with exclusive ends, as everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# The maps: the box, filled; clicks, +1 on the object and -1 beside it.
PROMPT_CHANNELS = 2


def square_window(centre: Sequence[float], side: float, image_size: tuple[int, int]) -> np.ndarray:
    """Give the square window about a point, moved into the image where it fits.

    In a direction in which it is longer than the image, the image lies in its middle.

    Args:
        centre: (x, y) in pixels.
        side: Its length in pixels, rounded up, at least 1.
        image_size: (H, W) of the image.

    Returns:
        int64 (4,): the window, xyxy with exclusive ends.

    Raises:
        ValueError: When ``side`` is not positive.
    """
    if not side > 0:
        raise ValueError(f'square_window expects a positive side, got {side}')
    length = max(1, math.ceil(side))
    starts = []
    for middle, limit in zip(centre, (image_size[1], image_size[0])):
        low = math.floor(middle - length / 2 + 0.5)
        inside = min(max(low, 0), limit - length)
        starts.append(inside if length <= limit else (limit - length) // 2)
    left, top = starts
    return np.array([left, top, left + length, top + length], dtype=np.int64)


def points_in_crop(
    points: np.ndarray, window: Sequence[int] | np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Give the places of clicks in a crop: those of the centres of their pixels.

    Args:
        points: (P, 2) or more columns: x, y in pixels of the image first.
        window: What was cut out, xyxy with exclusive ends.
        size: (h, w) of the crop.

    Returns:
        float64 (P, 2): x, y in the crop, where pixel i reaches from i to i + 1.
    """
    x0, y0, x1, y1 = (float(value) for value in window)
    factors = np.array([size[1] / (x1 - x0), size[0] / (y1 - y0)])
    return (np.floor(np.asarray(points, float)[:, :2]) + 0.5 - [x0, y0]) * factors


def draw_prompts(
    box: np.ndarray | None,
    points: np.ndarray | None,
    window: Sequence[int] | np.ndarray,
    size: tuple[int, int],
    radius: float = 3.0,
) -> np.ndarray:
    """Draw a box and clicks as maps of a crop.

    Args:
        box: (4,) xyxy in pixels of the image; None where there is none.
        points: (P, 3): x, y and 1 on the object or 0 beside it; None where there is none. Later
            clicks are drawn over earlier ones.
        window: What was cut out, xyxy with exclusive ends.
        size: (h, w) of the crop.
        radius: Of the disc of a click, in pixels of the crop.

    Returns:
        float32 (h, w, 2): the share of each pixel that the box covers; clicks, 1 or -1 in a disc.
    """
    h, w = size
    maps = np.zeros((h, w, PROMPT_CHANNELS), np.float32)
    x0, y0, x1, y1 = (float(value) for value in window)
    if box is not None:
        columns = _coverage((box[0] - x0) * w / (x1 - x0), (box[2] - x0) * w / (x1 - x0), w)
        rows = _coverage((box[1] - y0) * h / (y1 - y0), (box[3] - y0) * h / (y1 - y0), h)
        maps[..., 0] = rows[:, None] * columns
    if points is not None and len(points):
        middles_y, middles_x = np.arange(h)[:, None] + 0.5, np.arange(w) + 0.5
        for (x, y), label in zip(points_in_crop(points, window, size), points[:, 2]):
            disc = (middles_x - x) ** 2 + (middles_y - y) ** 2 <= radius**2
            maps[disc, 1] = 1.0 if label else -1.0
    return maps


def _coverage(start: float, end: float, length: int) -> np.ndarray:
    """Share of each of ``length`` unit intervals that lies between two positions."""
    positions = np.arange(length)
    return np.clip(np.minimum(end, positions + 1) - np.maximum(start, positions), 0, 1)
