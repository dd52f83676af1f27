"""How far predicted probabilities can be believed: predicted against found, in bins.

All counts are sums over pixels, so those of objects and processes add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Calibration:
    """Sums over the pixels of each of B bins of probability of equal width.

    Attributes:
        count: Pixels in the bin, ``(B,)``.
        predicted: Sum of their probabilities, ``(B,)``.
        found: How many of them belong to the object in truth, ``(B,)``.
        squared: Sum of the squared differences of probability and truth, over all bins.
    """

    count: NDArray[np.int64]
    predicted: NDArray[np.float64]
    found: NDArray[np.int64]
    squared: float


def count_calibration(probability: ArrayLike, truth: ArrayLike, bins: int = 10) -> Calibration:
    """Sorts pixels into bins of predicted probability.

    Args:
        probability: Values in [0, 1], any shape.
        truth: Whether the pixel belongs to the object, the same shape, bool or 0/1.
        bins: B; bin i holds [i / B, (i + 1) / B), the last one 1 too.

    Raises:
        ValueError: Shapes differ, a probability lies outside [0, 1], or there are fewer than two
            bins.
    """
    p, t = np.asarray(probability, np.float64).ravel(), np.asarray(truth).ravel() > 0
    if np.shape(probability) != np.shape(truth):
        raise ValueError(
            'Each probability needs a truth, got shapes '
            f'{np.shape(probability)} and {np.shape(truth)}.'
        )
    if bins < 2:
        raise ValueError(f'A calibration needs at least two bins, got {bins}.')
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f'Probabilities must lie in [0, 1], got {p.min()} to {p.max()}.')
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    return Calibration(
        np.bincount(place, minlength=bins),
        np.bincount(place, p, bins).astype(np.float64),
        np.bincount(place[t], minlength=bins),
        float(((p - t) ** 2).sum()),
    )


def add_calibrations(parts: list[Calibration]) -> Calibration:
    """Adds the sums of objects.

    Raises:
        ValueError: There is none, or their numbers of bins differ.
    """
    if not parts or len({len(part.count) for part in parts}) > 1:
        raise ValueError('Calibrations that are added need to be there, with one number of bins.')
    return Calibration(
        np.sum([part.count for part in parts], axis=0),
        np.sum([part.predicted for part in parts], axis=0),
        np.sum([part.found for part in parts], axis=0),
        sum(part.squared for part in parts),
    )


def calibration_error(sums: Calibration, contested: bool = False) -> float:
    """The expected calibration error (ECE) in [0, 1]; NaN over nothing.

    Sum over the bins of |predicted - found|, over the number of pixels.

    Args:
        sums: The bins.
        contested: Leave the first and the last bin out: most pixels of a window are background
            that nobody doubts, and hide what the others are like.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2.
    """
    rows = slice(1, -1) if contested else slice(None)
    total = int(sums.count[rows].sum())
    gap = np.abs(sums.predicted - sums.found)[rows].sum()
    return float(gap / total) if total else float('nan')


def reliability(sums: Calibration) -> list[dict[str, float | int | None]]:
    """The curve: ``low`` and ``high`` end, ``count``, mean ``predicted``, share ``found`` by bin.

    The two means are None where a bin is empty.
    """
    width = 1 / len(sums.count)
    return [
        {
            'low': i * width,
            'high': (i + 1) * width,
            'count': int(count),
            'predicted': float(sums.predicted[i] / count) if count else None,
            'found': float(sums.found[i] / count) if count else None,
        }
        for i, count in enumerate(sums.count)
    ]
