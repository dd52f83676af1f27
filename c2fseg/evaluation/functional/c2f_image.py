"""The image protocol of C2F-Seg, as published (``c2f-image``) and corrected (``c2f-image-strict``).

With P the prediction, A the amodal truth, V the true visible mask, O = A without V:
the full IoU compares P with A, the occluded IoU compares P without V with O. The published form
is kept with its rules of counting, so that numbers can be compared with those in papers; the
strict form asks the plain questions. Numbers of the two are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from c2fseg.evaluation.functional.image_protocol import (
    FULL,
    OCCLUDED,
    ImageProtocol,
    ObjectScore,
    fraction,
    mean_of_frames,
    measure_terms,
)
from c2fseg.evaluation.functional.region_counts import Region, RegionCounts

SMOOTH_FULL = np.float32(1e-10)  # on both sides of the fraction: two empty masks agree
EPS_OCCLUDED = np.float32(1e-6)  # below the fraction only: two empty masks score 0


def score_c2f_image(
    regions: RegionCounts,
    prediction: Region,
    visible_is_predicted: bool,
    hidden: Region | None = None,
) -> ObjectScore:
    """Scores one object by the published evaluation, in float32 as published.

    - full = (|P and A| + 1e-10) / (|P or A| + 1e-10).
    - occluded = |P' and O| / (|P' or O| + 1e-6) with P' = P without V.
    - The object counts c - [S = 0] times. c is 0 where the true V is empty and was the model's
      input, else 1. S is the signed sum of A - V over the pixels, |A| - |V|: where V pokes out of
      A, an empty O may count (as a 0), and a nonempty O may not count although its IoU is added.

    Args:
        regions: Counts of the masks ``amodal`` and ``visible`` (true ones), and of those that
            ``prediction`` is made of.
        prediction: P, raw or after post-processing.
        visible_is_predicted: Whether the model was given a predicted visible mask.
        hidden: Changes nothing here: the occluded part is P without V.

    Returns:
        ObjectScore: Its ``counted`` is -1 for an object whose V and A are both empty.

    Source: C2F-Seg, ICCV 2023, section 4, and the evaluation released with it.
    """
    del hidden  # part of the signature that all protocols share
    full, occluded = _region_sizes(regions, prediction)
    full_iou = (np.float32(full[0]) + SMOOTH_FULL) / (np.float32(full[1]) + SMOOTH_FULL)
    occluded_iou = np.float32(occluded[0]) / (np.float32(occluded[1]) + EPS_OCCLUDED)
    visible_area = regions.area(regions['visible'])
    signed_sum = regions.area(regions['amodal']) - visible_area
    counted = 1 if visible_is_predicted or visible_area > 0 else 0
    return ObjectScore(float(full_iou), float(occluded_iou), counted - int(signed_sum == 0))


def score_c2f_image_strict(
    regions: RegionCounts,
    prediction: Region,
    visible_is_predicted: bool,
    hidden: Region | None = None,
) -> ObjectScore:
    """Scores one object by the corrected form: O is a set, and no term is smoothed.

    - full = |P and A| / |P or A|, and 1 where both are empty.
    - occluded = |P' and O| / |P' or O| with P' = P without V, for objects with a nonempty
      O, which count once; all others score 0 and do not count.

    Args:
        regions: Counts of the masks ``amodal`` and ``visible`` (true ones), and of those that
            ``prediction`` is made of.
        prediction: P, raw or after post-processing.
        visible_is_predicted: Changes nothing here: the rules are the same for every source.
        hidden: Changes nothing here: the occluded part is P without V.

    Returns:
        ObjectScore: In double precision; ``counted`` is 1 or 0.
    """
    del visible_is_predicted, hidden  # part of the signature that all protocols share
    full, occluded = _region_sizes(regions, prediction)
    full_iou = full[0] / full[1] if full[1] else 1.0
    hidden_area = regions.area(regions['amodal'] & ~regions['visible'])
    occluded_iou = occluded[0] / occluded[1] if hidden_area else 0.0
    return ObjectScore(full_iou, occluded_iou, int(hidden_area > 0))


def _region_sizes(
    regions: RegionCounts, prediction: Region
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns (intersection, union) of the whole masks and of their parts outside V."""
    amodal, outside = regions['amodal'], ~regions['visible']
    both, either = prediction & amodal, prediction | amodal
    whole = regions.area(both), regions.area(either)
    return whole, (regions.area(both & outside), regions.area(either & outside))


def mean_scores(scores: Iterable[ObjectScore]) -> tuple[float, float, int]:
    """Averages over objects: full by their number, occluded by the sum of their counts.

    Args:
        scores: One score for each object.

    Returns:
        tuple: (mean full IoU, mean occluded IoU, number of occluded objects). A mean over nothing
        is NaN.
    """
    scores = list(scores)
    full, occluded = (
        fraction(measure, measure_terms(measure, scores)) for measure in (FULL, OCCLUDED)
    )
    return full, occluded, sum(score.counted for score in scores)


def occlusion_rate(regions: RegionCounts) -> float:
    """Returns the hidden share 1 - |V| / |A| (negative where V is larger; 0 for empty A)."""
    amodal = regions.area(regions['amodal'])
    return 1.0 - regions.area(regions['visible']) / amodal if amodal else 0.0


C2F_IMAGE = ImageProtocol(score_c2f_image, mean_of_frames)
C2F_IMAGE_STRICT = ImageProtocol(score_c2f_image_strict, mean_of_frames)
