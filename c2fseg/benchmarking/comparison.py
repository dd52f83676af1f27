"""Compares models that were measured in turns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from c2fseg.benchmarking.subject import Subject
from c2fseg.evaluation.functional import mask_iou


def spread(first: Sequence[float], second: Sequence[float]) -> dict[str, float] | None:
    """Returns median, lowest and highest of the ratios of second to first, round by round.

    Two times of the same round were taken one after the other, so what slows the machine for a
    while slows both. None where the first took no time at all.

    Args:
        first: A number of each round.
        second: As many.
    """
    if min(first) <= 0:
        return None
    ratios = [b / a for a, b in zip(first, second)]
    return dict(median=statistics.median(ratios), lowest=min(ratios), highest=max(ratios))


def compare(first: Subject, second: Subject, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns the ratios of a second model to a first.

    Args:
        first: Measured in the same rounds.
        second: Likewise.
        results: Entries of both, by their names.

    Returns:
        ``relative_to`` (name of the first), ``seconds``, ``train_seconds`` (None where not
        measured) and ``parts`` (those of both) as :func:`spread` gives them, and the plain ratios
        ``gflop``, ``megabytes``, ``peak_memory``, ``parameters``, and of each part.
    """
    a, b = results[first.options.name], results[second.options.name]

    def times(name: str) -> dict[str, float] | None:
        return spread([one[name] for one in first.rounds], [one[name] for one in second.rounds])

    parts = {
        name: dict(
            seconds=times(name),
            gflop=_ratio(a['parts'][name], part, 'gflop'),
            megabytes=_ratio(a['parts'][name], part, 'megabytes'),
        )
        for name, part in b['parts'].items()
        if name in a['parts']
    }
    train = None
    if first.train_seconds and second.train_seconds:
        train = spread(first.train_seconds, second.train_seconds)
    return dict(
        relative_to=first.options.name,
        seconds=times('total'),
        train_seconds=train,
        gflop=_ratio(a, b, 'gflop_per_object'),
        megabytes=_ratio(a, b, 'megabytes_per_object'),
        peak_memory=_ratio(a, b, 'peak_memory_mb'),
        parameters=_ratio(a, b, 'parameters'),
        parts=parts,
    )


def _ratio(first: dict[str, Any], second: dict[str, Any], key: str) -> float | None:
    return second[key] / first[key] if first[key] else None


def agreement(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> dict[str, float]:
    """Returns how far the final masks of two models agree, and how near the truth each is.

    Args:
        first: Amodal masks, bool (T, H, W) each.
        second: As many, of the same objects.
        truths: True amodal masks (H, W), the same in all frames.

    Returns:
        ``objects``, ``mean_iou`` and ``lowest_iou`` between both, ``changed_pixels`` (share of
        the pixels of both masks that only one has), ``first_mean_iou_truth`` and
        ``second_mean_iou_truth``.
    """
    between = [mask_iou(a, b) for a, b in zip(first, second)]
    union = sum(int((a | b).sum()) for a, b in zip(first, second))
    changed = sum(int((a ^ b).sum()) for a, b in zip(first, second))
    with_truth = [
        float(np.mean([mask_iou(mask, np.broadcast_to(t, mask.shape)) for mask, t in pairs]))
        for pairs in (zip(first, truths), zip(second, truths))
    ]
    return dict(
        objects=len(between),
        mean_iou=float(np.mean(between)),
        lowest_iou=min(between),
        changed_pixels=changed / union if union else 0.0,
        first_mean_iou_truth=with_truth[0],
        second_mean_iou_truth=with_truth[1],
    )
