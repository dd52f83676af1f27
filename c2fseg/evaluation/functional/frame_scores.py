"""The scores of the frames of one object, and how they are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.region_counts import ClipRegionCounts, Region

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


class FrameScores(NamedTuple):
    """The scores of one object in T frames.

    Attributes:
        full: IoU of prediction and amodal truth, ``(T,)``.
        occluded: IoU of their occluded parts, ``(T,)``.
        counts_full: Whether the frame enters a mean of ``full``, ``(T,)`` bool.
        counts_occluded: The same for ``occluded``.
    """

    full: Values
    occluded: Values
    counts_full: Flags
    counts_occluded: Flags


ClipScoreFunction = Callable[[ClipRegionCounts, Region, Flags], FrameScores]
"""(counts of the masks, region of the prediction, counted frames (T,)) -> scores."""


def track_means(scores: FrameScores) -> tuple[float, float]:
    """Averages the frames of one object, each mean over the frames that count for it.

    Returns:
        tuple: (full, occluded); NaN where no frame counts.
    """
    return (
        _mean(scores.full[scores.counts_full]),
        _mean(scores.occluded[scores.counts_occluded]),
    )


def mean_over_tracks(tracks: Iterable[tuple[float, float]]) -> tuple[float, float, int, int]:
    """Averages over objects; an object without a counted frame (NaN) is left out.

    Args:
        tracks: What :func:`track_means` returned for each object.

    Returns:
        tuple: (full, occluded, objects with a full score, objects with an occluded score). A mean
        over nothing is NaN.
    """
    table = np.array(list(tracks), dtype=np.float64).reshape(-1, 2)
    there = ~np.isnan(table)
    full, occluded = (_mean(table[there[:, i], i]) for i in range(2))
    return full, occluded, int(there[:, 0].sum()), int(there[:, 1].sum())


def pooled_means(scores: Iterable[FrameScores]) -> tuple[float, float, int, int]:
    """Averages over the counted frames of all objects together.

    Returns:
        tuple: (full, occluded, frames that count for full, for occluded); NaN over nothing.
    """
    scores = list(scores)
    nothing = np.zeros(0)
    full = np.concatenate([nothing, *(s.full[s.counts_full] for s in scores)])
    occluded = np.concatenate([nothing, *(s.occluded[s.counts_occluded] for s in scores)])
    return _mean(full), _mean(occluded), len(full), len(occluded)


def _mean(values: Values) -> float:
    return float(values.mean()) if values.size else float('nan')
