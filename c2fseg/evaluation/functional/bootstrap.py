"""Confidence intervals of means, by drawing images again (the percentile bootstrap)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 0.95
_DRAWS_AT_ONCE = 1 << 20  # numbers held at a time


def bootstrap_ratios(
    numerators: Values,
    denominators: Values,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Values:
    """Gives each mean sum(numerators) / sum(denominators) a confidence interval.

    Whole groups are drawn with replacement, as many as there are: the objects of one image share
    its light, its crowding and its annotator, so they are no independent draws. All columns see
    the same draws. A resample without a denominator is left out of that column.

    Args:
        numerators: Sums over the objects of each group, ``(G, C)``; one column a mean.
        denominators: The same, ``(G, C)``.
        resamples: How many times the groups are drawn.
        level: Share of the resampled means inside the interval.
        seed: Of the draws.

    Returns:
        numpy.ndarray: (low, high) of each column, ``(C, 2)``; NaN where there are fewer than two
        groups with a denominator.

    Raises:
        ValueError: The arrays differ in shape, or an argument is out of its range.
    """
    if numerators.shape != denominators.shape or numerators.ndim != 2:
        raise ValueError(
            f'bootstrap_ratios needs two arrays (G, C), got {numerators.shape} and '
            f'{denominators.shape}.'
        )
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(
            f'resamples must be 1 or more and level between 0 and 1, got {resamples} and {level}.'
        )
    intervals = np.full((numerators.shape[1], 2), np.nan)
    usable = np.count_nonzero(denominators > 0, axis=0) >= 2
    if not usable.any():
        return intervals
    means = _resampled_means(numerators[:, usable], denominators[:, usable], resamples, seed)
    tail = 100 * (1 - level) / 2
    intervals[usable] = np.nanpercentile(means, [tail, 100 - tail], axis=0).T
    return intervals


def _resampled_means(numerators: Values, denominators: Values, resamples: int, seed: int) -> Values:
    """Returns the means of all resamples, ``(resamples, C)``."""
    generator = np.random.default_rng(seed)
    groups = len(numerators)
    at_once = max(1, _DRAWS_AT_ONCE // groups)
    parts = []
    for start in range(0, resamples, at_once):
        number = min(at_once, resamples - start)
        drawn = generator.integers(0, groups, (number, groups))
        drawn += groups * np.arange(number)[:, None]
        times = np.bincount(drawn.ravel(), minlength=number * groups)
        weights = times.reshape(number, groups).astype(np.float64)
        above, below = weights @ numerators, weights @ denominators
        means = np.full(above.shape, np.nan)
        parts.append(np.divide(above, below, out=means, where=below > 0))
    return np.concatenate(parts)
