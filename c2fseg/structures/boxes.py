"""Boxes of masks and the crop window around a box.

Every box is ``xyxy`` in pixels, x the column, y the row, with exclusive ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import torch


@overload
def masks_to_boxes(masks: np.ndarray) -> np.ndarray: ...
@overload
def masks_to_boxes(masks: torch.Tensor) -> torch.Tensor: ...
def masks_to_boxes(masks: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    """Give the tight box around the non-zero pixels of each mask.

    Args:
        masks: Masks of shape (..., H, W), numpy or torch; every non-zero pixel counts.

    Returns:
        int64 boxes (..., 4), xyxy with exclusive ends, zeros for an empty mask; an array for an
        array, a tensor on the same device for a tensor.

    Raises:
        ValueError: When ``masks`` has fewer than two dimensions.
    """
    if masks.ndim < 2:
        raise ValueError(f'masks_to_boxes expects masks (..., H, W), got shape {masks.shape}')
    if isinstance(masks, torch.Tensor):
        filled = masks != 0
        x0, x1 = _extent_tensor(filled.any(dim=-2))
        y0, y1 = _extent_tensor(filled.any(dim=-1))
        return torch.stack([x0, y0, x1, y1], dim=-1)
    present = np.asarray(masks) != 0
    left, right = _extent_array(present.any(axis=-2))
    top, bottom = _extent_array(present.any(axis=-1))
    return np.stack([left, top, right, bottom], axis=-1)


def _extent_array(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First filled position and one past the last along the last axis, zeros when none is."""
    some = line.any(axis=-1)
    first = np.where(some, line.argmax(axis=-1), 0).astype(np.int64)
    end = np.where(some, line.shape[-1] - line[..., ::-1].argmax(axis=-1), 0).astype(np.int64)
    return first, end


def _extent_tensor(line: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First filled position and one past the last along the last axis, zeros when none is."""
    some = line.any(dim=-1)
    number = line.to(torch.uint8)
    zero = torch.zeros_like(some, dtype=torch.int64)
    first = torch.where(some, number.argmax(dim=-1), zero)
    end = torch.where(some, line.shape[-1] - number.flip(-1).argmax(dim=-1), zero)
    return first, end


def crop_window(
    box: Sequence[int] | np.ndarray,
    enlarge: float,
    image_size: tuple[int, int],
    square: bool = False,
    clip: bool = True,
) -> np.ndarray:
    """Give the window that is cut out around a box.

    Rows and columns alike, for a box from r0 to r1: the centre is ``(r0 + r1) // 2``, the length
    ``int((r1 - r0) * enlarge)``, and the window holds the rows from ``centre - length // 2`` to
    ``centre + length // 2``, the last one included.

    Args:
        box: Box xyxy in pixels with exclusive ends. Fractions count until the rounding above.
        enlarge: Factor on the box's sides, positive.
        image_size: (H, W) of the image.
        square: Give the box the length of its longer side in both directions first.
        clip: Cut the window to the image. Otherwise it may leave the image.

    Returns:
        int64 (4,): the window, xyxy in pixels with exclusive ends.

    Raises:
        ValueError: When the box has no extent, does not touch the image although the window is
            clipped, or ``enlarge`` is not positive.

    Source: C2F-Seg, ICCV 2023, implementation details (crop rule and rounding).
    """
    x0, y0, x1, y1 = np.asarray(box).tolist()
    if not (x1 > x0 and y1 > y0):
        raise ValueError(
            f'crop_window expects a box xyxy with positive width and height, got {list(box)}; '
            f'an empty mask has no box'
        )
    if not enlarge > 0:
        raise ValueError(f'crop_window expects enlarge > 0, got {enlarge}')
    height, width = image_size
    longer = max(x1 - x0, y1 - y0)
    window = []
    for start, end, limit in ((x0, x1, width), (y0, y1, height)):
        centre = int((start + end) // 2)
        half = int((longer if square else end - start) * enlarge) // 2
        low, high = centre - half, centre + half + 1
        if clip:
            low, high = max(0, low), min(limit, high)
            if high <= low:
                raise ValueError(
                    f'box {list(box)} lies outside its image of size (H, W) = {(height, width)}'
                )
        window.append((low, high))
    (left, right), (top, bottom) = window
    return np.array([left, top, right, bottom], dtype=np.int64)
