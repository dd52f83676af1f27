"""Numbers that belong to a single mask, or to two of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

THRESHOLD = 0.5  # above it a pixel belongs to the mask


def mask_iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Returns the intersection over union of two bool masks, 1.0 when both are empty."""
    union = np.count_nonzero(first | second)
    return int(np.count_nonzero(first & second)) / int(union) if union else 1.0


def mean_probability(probability: NDArray | torch.Tensor) -> float:
    """Returns the mean probability inside a predicted mask, 0 where it is empty.

    It is the score of an object in prediction files and in the results of the inferencer.

    Args:
        probability: ``(h, w)`` in [0, 1]; the mask is where it exceeds one half.
    """
    probability = torch.as_tensor(probability).float()
    inside = probability > THRESHOLD
    return float(probability[inside].mean()) if bool(inside.any()) else 0.0
