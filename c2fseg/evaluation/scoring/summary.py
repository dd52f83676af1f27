"""From scores of objects to means with intervals: of all, by hidden share, by category."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.bootstrap import bootstrap_ratios
from c2fseg.evaluation.scoring.object_scores import ProtocolScores, ScoreColumn, Scoring
from c2fseg.evaluation.scoring.truth import ObjectInfo

BUCKET_EDGES = (0.05, 0.3, 0.6, 0.95)


class Estimate(NamedTuple):
    """A mean.

    Attributes:
        value: The mean, NaN over nothing.
        low: Lower end of its interval, NaN where there is none.
        high: Upper end.
        counted: What the fraction has below: how many objects, frames, tracks or pixels count.
    """

    value: float
    low: float
    high: float
    counted: float


class Subset(NamedTuple):
    """Some of the objects.

    Attributes:
        title: What tables call it.
        key: What JSON calls it: ``'all'``, ``'hidden_5-30'``, ``'category_car'``.
        chosen: Places of its objects.
    """

    title: str
    key: str
    chosen: NDArray[np.intp]


class SummaryRow(NamedTuple):
    """The means of one subset under one protocol.

    Attributes:
        subset: Its objects.
        estimates: A mean for each column of the protocol.
    """

    subset: Subset
    estimates: dict[ScoreColumn, Estimate]


def make_subsets(
    objects: Sequence[ObjectInfo],
    scoring: Scoring,
    edges: Sequence[float] = BUCKET_EDGES,
    categories: bool = True,
) -> list[Subset]:
    """Divides the scored objects: all, the hidden range as a whole, its buckets, categories.

    Args:
        objects: All objects.
        scoring: What was scored.
        edges: Ascending ends of the buckets of the hidden share, [low, high) each.
        categories: Whether to have the categories too.

    Raises:
        ValueError: The edges are not two or more ascending numbers.
    """
    edges = list(edges)
    if len(edges) < 2 or edges != sorted(set(edges)):
        raise ValueError(f'The ends of buckets are two or more ascending numbers, got {edges}.')
    scored, share = scoring.scored, scoring.hidden[scoring.scored]
    subsets = [Subset('all', 'all', scored)]
    ranges = list(pairwise(edges))
    if len(ranges) > 1:
        ranges.insert(0, (edges[0], edges[-1]))
    for low, high in ranges:
        text = f'{100 * low:g}-{100 * high:g}'
        inside = (share >= low) & (share < high)
        subsets.append(Subset(f'hidden {text} %', f'hidden_{text}', scored[inside]))
    if categories:
        names = np.array([objects[place].category for place in scored.tolist()], dtype=object)
        for name in sorted(set(names)):
            subsets.append(Subset(f'category {name}', f'category_{name}', scored[names == name]))
    return subsets


def summarise(
    scores: ProtocolScores,
    objects: Sequence[ObjectInfo],
    subsets: Sequence[Subset],
    resamples: int = 1000,
    seed: int = 0,
) -> list[SummaryRow]:
    """Averages the objects of each subset.

    An interval comes from drawing whole images (videos) of the scored objects again; see
    :func:`c2fseg.evaluation.functional.bootstrap.bootstrap_ratios`.

    Args:
        scores: What each object adds.
        objects: All objects.
        subsets: Which are averaged together; the first one holds all of the others.
        resamples: How many times the images are drawn; 0: no intervals.
        seed: Of the draws.
    """
    images = {objects[place].image_id: 0 for place in subsets[0].chosen.tolist()}
    images = {image_id: number for number, image_id in enumerate(images)}
    sums = [_sums(scores, subset.chosen, objects, images) for subset in subsets]
    columns = scores.columns
    intervals: NDArray[np.float64] = np.full((len(subsets), len(columns), 2), np.nan)
    if resamples:
        # All subsets at once: the images are drawn a single time.
        above, below = (np.concatenate([one[..., side] for one in sums], axis=1) for side in (0, 1))
        drawn = bootstrap_ratios(above, below, resamples, seed=seed)
        intervals = drawn.reshape(len(subsets), len(columns), 2)
    rows = []
    for subset, one, ends in zip(subsets, sums, intervals.tolist()):
        totals = one.sum(axis=0).tolist()
        estimates = {}
        for column, smooth, (over, under), (low, high) in zip(
            columns, scores.smooth.tolist(), totals, ends
        ):
            there = under + smooth > 0 and len(subset.chosen) > 0
            value = over / (under + smooth) if there else float('nan')
            estimates[column] = Estimate(value, low, high, under)
        rows.append(SummaryRow(subset, estimates))
    return rows


def _sums(
    scores: ProtocolScores,
    chosen: NDArray[np.intp],
    objects: Sequence[ObjectInfo],
    images: dict[Any, int],
) -> NDArray[np.float64]:
    """Sums what the chosen objects of each image add, ``(images, columns, 2)``."""
    sums = np.zeros((len(images), len(scores.columns), 2))
    if len(chosen):
        group = np.array([images[objects[place].image_id] for place in chosen.tolist()])
        np.add.at(sums, group, scores.terms(chosen))
    return sums
