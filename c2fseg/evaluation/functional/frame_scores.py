"""The scores of the frames of one object, and how they are averaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


Place = tuple[str, int]
"""(video, frame)."""

Means = tuple[float, float, int, int]
"""(mean full, mean occluded, how many went into the first, into the second)."""


def track_means(scores: FrameScores) -> tuple[float, float]:
    """Averages the frames of one object, each mean over the frames that count for it.

    Returns:
        tuple: (full, occluded); NaN where no frame counts.
    """
    return (
        _mean(scores.full[scores.counts_full]),
        _mean(scores.occluded[scores.counts_occluded]),
    )


def mean_over_tracks(tracks: Iterable[tuple[float, float]]) -> Means:
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


def pooled_means(scores: Iterable[FrameScores]) -> Means:
    """Averages over the counted frames of all objects together.

    Returns:
        tuple: (full, occluded, frames that count for full, for occluded); NaN over nothing.
    """
    scores = list(scores)
    nothing = np.zeros(0)
    full = np.concatenate([nothing, *(s.full[s.counts_full] for s in scores)])
    occluded = np.concatenate([nothing, *(s.occluded[s.counts_occluded] for s in scores)])
    return _mean(full), _mean(occluded), len(full), len(occluded)


def means_by_video_frame(scores: Iterable[FrameScores], places: Iterable[Sequence[Place]]) -> Means:
    """Averages the counted objects of each (video, frame), then all (video, frame).

    Args:
        scores: One for each object.
        places: (video, frame) of each frame of each object.

    Returns:
        tuple: (full, occluded, (video, frame) with a full score, with an occluded score).
    """
    pairs = list(zip(scores, places))
    full = [(score.full, score.counts_full, spots) for score, spots in pairs]
    occluded = [(score.occluded, score.counts_occluded, spots) for score, spots in pairs]
    (mean_full, number_full), (mean_occ, number_occ) = map(_by_place, (full, occluded))
    return mean_full, mean_occ, number_full, number_occ


def mean_by_video_frame(places: Sequence[Place], values: Iterable[float]) -> float:
    """Averages the objects of each (video, frame), then all (video, frame).

    Args:
        places: (video, frame) of each value.
        values: One score for each object in a frame.

    Returns:
        The mean, NaN over nothing.
    """
    numbers = {place: number for number, place in enumerate(dict.fromkeys(places))}
    if not numbers:
        return float('nan')
    group: NDArray[np.intp] = np.array([numbers[place] for place in places])
    sums = np.bincount(group, weights=np.fromiter(values, float))
    return float((sums / np.bincount(group)).mean())


def _by_place(objects: Iterable[tuple[Values, Flags, Sequence[Place]]]) -> tuple[float, int]:
    """Returns the mean over (video, frame) of (values, which count, where), and their number."""
    found = [
        (spot, float(value))
        for values, counts, spots in objects
        for value, count, spot in zip(values, counts, spots)
        if count
    ]
    places = [spot for spot, _ in found]
    return mean_by_video_frame(places, (value for _, value in found)), len(set(places))


def _mean(values: Values) -> float:
    return float(values.mean()) if values.size else float('nan')
