"""How much coded masks overlap, and which of two lists belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment


def overlap_matrix(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> np.ndarray:
    """IoU of each mask with each of another list.

    Args:
        first: M RLEs; ``counts`` as str or bytes.
        second: N RLEs of the same size.

    Returns:
        (M, N) float64.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(list(first), list(second), [0] * len(second)))


def assign(overlap: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Pair rows with columns so that the sum of their overlaps is as large as can be.

    Args:
        overlap: (M, N).
        least: Pairs below it are not made, and count nothing.

    Returns:
        (row, column) of each pair by ascending row, no row and no column twice.
    """
    usable = np.where(overlap >= least, overlap, 0.0)
    rows, columns = linear_sum_assignment(usable, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns) if usable[r, c] > 0]
