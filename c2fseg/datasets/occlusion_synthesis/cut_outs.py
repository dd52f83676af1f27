"""Objects cut out of pictures, and turned into others of another size, angle and side."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from c2fseg.structures import masks_to_boxes

# Pixels that are kept around an object for its soft edge.
MARGIN = 4


class CutOut(NamedTuple):
    """An object in a rectangle of its own.

    Attributes:
        image: uint8 (h, w, 3) RGB. Beyond its edge the colours of the object go on, so that a soft
            edge carries nothing of the picture that it comes from.
        mask: uint8 (h, w), 1 on the object.
    """

    image: np.ndarray
    mask: np.ndarray


def cut_out(image: np.ndarray, mask: np.ndarray, margin: int = MARGIN) -> CutOut:
    """Cut an object out.

    Args:
        image: uint8 (H, W, 3).
        mask: (H, W), 0 outside the object.
        margin: Pixels to keep around its box, where the picture has them.

    Returns:
        The object; arrays of its own.

    Raises:
        ValueError: When the mask is empty.
    """
    x0, y0, x1, y1 = (int(v) for v in masks_to_boxes(mask))
    if x1 <= x0:
        raise ValueError('an empty mask has no object to cut out')
    height, width = mask.shape
    rows = slice(max(0, y0 - margin), min(height, y1 + margin))
    columns = slice(max(0, x0 - margin), min(width, x1 + margin))
    own = (mask[rows, columns] != 0).astype(np.uint8)
    return CutOut(_spread_colours(image[rows, columns], own), own)


def turn_cut_out(cut: CutOut, scale: float, angle: float = 0.0, flip: bool = False) -> CutOut:
    """Scale, turn and mirror an object.

    Args:
        cut: The object.
        scale: Factor on its sides, positive.
        angle: Degrees, counter-clockwise.
        flip: Mirror it from left to right first.

    Returns:
        The object in the smallest rectangle that holds its own one turned. Its mask may be empty
        where it was scaled to nothing.

    Raises:
        ValueError: When ``scale`` is not positive.
    """
    if not scale > 0:
        raise ValueError(f'scale is positive, got {scale}')
    image, mask = (array[:, ::-1] if flip else array for array in cut)
    height, width = mask.shape
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    new_width = max(1, _round_up(scale * (abs(cos) * width + abs(sin) * height)))
    new_height = max(1, _round_up(scale * (abs(sin) * width + abs(cos) * height)))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
    matrix[:, 2] += ((new_width - width) / 2, (new_height - height) / 2)
    size = (new_width, new_height)
    image = np.ascontiguousarray(image)
    if scale < 1:
        sigma = (1 / scale - 1) / 2  # as pictures are smoothed before they shrink elsewhere
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    turned = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    soft = cv2.warpAffine(
        np.ascontiguousarray(mask) * np.float32(1), matrix, size, flags=cv2.INTER_LINEAR
    )
    return CutOut(turned, (soft > 0.5).astype(np.uint8))


def _spread_colours(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give every pixel outside the object the colour of the object's pixel nearest to it."""
    _, nearest = cv2.distanceTransformWithLabels(
        1 - mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.empty((int(nearest.max()) + 1, 3), np.uint8)
    inside = mask != 0
    colours[nearest[inside]] = image[inside]  # every pixel of the object has a label of its own
    return colours[nearest]


def _round_up(length: float) -> int:
    """Whole pixels that hold a length, whatever rounding did to it."""
    return math.ceil(length - 1e-6)
