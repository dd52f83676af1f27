"""Boxes of masks, arrays and tensors alike.

Every box is ``xyxy`` in pixels, x the column, y the row, with exclusive ends.
"""

from __future__ import annotations

from typing import overload

import numpy as np
import torch

from c2fseg.utils.windows import array_boxes


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
    return array_boxes(masks)


def _extent_tensor(line: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First filled position and one past the last along the last axis, zeros when none is."""
    some = line.any(dim=-1)
    number = line.to(torch.uint8)
    zero = torch.zeros_like(some, dtype=torch.int64)
    first = torch.where(some, number.argmax(dim=-1), zero)
    end = torch.where(some, line.shape[-1] - number.flip(-1).argmax(dim=-1), zero)
    return first, end
