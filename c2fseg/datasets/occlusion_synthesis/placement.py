"""Where an occluder goes, so that it hides the share of an object that was asked for."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from scipy.signal import correlate

from c2fseg.structures import masks_to_boxes

# Side in cells of the grid on which all places are tried at once.
GRID_SIDE = 40
# A share counts as the one that was asked for when it differs by no more than this.
TOLERANCE = 0.05


class Placement(NamedTuple):
    """A place for an occluder.

    Attributes:
        left: Column of the picture at which the occluder's first column comes to lie.
        top: Row of its first row. Both may be negative.
        hidden: Share of the object that it then hides, to the precision of the grid.
    """

    left: int
    top: int
    hidden: float


def hidden_shares(target: np.ndarray, occluder: np.ndarray) -> np.ndarray:
    """Measure what an occluder hides of an object, for every place that it can have.

    Args:
        target: float (h, w), share of each cell that is the object.
        occluder: float (a, b), share of each cell that is the occluder.

    Returns:
        float (h + a - 1, w + b - 1): at (i, j) the hidden share of the object with the occluder's
        first cell at row ``i - (a - 1)``, column ``j - (b - 1)`` of the object's cells.

    Raises:
        ValueError: When the object is empty.
    """
    total = float(target.sum())
    if total == 0:
        raise ValueError('an empty object cannot be hidden')
    overlap = correlate(target, occluder, mode='full', method='fft')
    return np.clip(overlap / total, 0.0, 1.0)


def draw_placement(
    target: np.ndarray,
    occluder: np.ndarray,
    hidden: float,
    floating_weight: float,
    rng: np.random.Generator,
) -> Placement:
    """Draw a place at which an occluder hides about the given share of an object.

    Of all places that do, those where the occluder reaches lower in the picture than the object
    are preferred: what stands nearer to a camera at eye height has its foot lower in the picture.

    Args:
        target: (H, W), 0 outside the object; what is hidden already may be left out.
        occluder: (h, w), 0 outside the occluder.
        hidden: Share of the object to hide, 0 to 1. Where no place does, the nearest is taken.
        floating_weight: Weight of places where the occluder's foot is above that of the object,
            beside 1 for the others.
        rng: Generator to draw from.

    Returns:
        The place.

    Raises:
        ValueError: When one of the masks is empty.
    """
    boxes = [masks_to_boxes(mask) for mask in (target, occluder)]
    if not all(box.any() for box in boxes):
        raise ValueError('an empty object or occluder has no place')
    side = max(*(boxes[0][2:] - boxes[0][:2]), *(boxes[1][2:] - boxes[1][:2]))
    step = max(1, math.ceil(side / GRID_SIDE))
    cells = [_coarse(mask, box, step) for mask, box in zip((target, occluder), boxes)]
    shares = hidden_shares(*cells)
    gaps = np.abs(shares - hidden)
    weights = (gaps <= max(TOLERANCE, float(gaps.min()))).astype(float)
    # The occluder's last row of cells lies at row i of the object's cells.
    floats = np.arange(shares.shape[0]) < cells[0].shape[0] - 1
    weights[floats] *= floating_weight if weights[~floats].any() else 1.0
    place = int(rng.choice(weights.size, p=(weights / weights.sum()).ravel()))
    row, column = np.unravel_index(place, shares.shape)
    jitter = rng.integers(0, step, 2)
    top, left = (
        boxes[0][axis] + (cell - (cells[1].shape[1 - axis] - 1)) * step - boxes[1][axis] + shift
        for axis, cell, shift in ((1, row, jitter[0]), (0, column, jitter[1]))
    )
    return Placement(int(left), int(top), float(shares[row, column]))


def _coarse(mask: np.ndarray, box: np.ndarray, step: int) -> np.ndarray:
    """The part of a mask in its box as shares of cells of ``step`` x ``step`` pixels."""
    x0, y0, x1, y1 = (int(v) for v in box)
    part = (mask[y0:y1, x0:x1] != 0).astype(np.float32)
    part = np.pad(part, ((0, -(y1 - y0) % step), (0, -(x1 - x0) % step)))
    size = (part.shape[1] // step, part.shape[0] // step)
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA)
