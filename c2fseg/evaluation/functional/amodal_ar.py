"""Recall of proposals without classes, by how far objects are hidden (``amodal-ar``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from c2fseg.evaluation.functional.coco_objects import (
    Detection,
    Rle,
    TruthObject,
    check_scores,
    rank,
    visible_share,
)
from c2fseg.evaluation.functional.coco_run import Ranges, mean_setting, run_coco_eval

RECALL = 'amodal-ar'  # the name of this mode, beside those of average precision
REGIONS = ('things', 'stuff', 'both')
# Of the hidden share; neighbours share their ends, as published.
OCCLUSION_RANGES: Ranges = {
    'all': (0.0, 1.0),
    'none': (0.0, 1e-5),
    'partial': (1e-5, 0.25),
    'heavy': (0.25, 1.0),
}
MAX_PROPOSALS = (1, 10, 100)


class ArScores(NamedTuple):
    """The recall of proposals.

    Attributes:
        values: ``AR@1``, ``AR@10``, ... and the same with ``_none``, ``_partial``, ``_heavy``
            behind; in [0, 1], NaN where there is no object.
        objects: Number of objects by range (``all``, ``none``, ``partial``, ``heavy``).
        detections: Number of proposals.
    """

    values: dict[str, float]
    objects: dict[str, int]
    detections: int


def average_recall(
    truths: Sequence[TruthObject],
    detections: Sequence[Detection],
    mask: str = 'amodal',
    regions: str = 'things',
    max_proposals: Sequence[int] = MAX_PROPOSALS,
) -> ArScores:
    """Computes the average recall over the IoU thresholds .50:.05:.95, classes left aside.

    An object's hidden share is the stated one (1 - ``stated_share``), where there is none
    1 - |V and A| / |A|. The truth is what one annotator drew: give no more than that.

    Args:
        truths: The true objects of all images.
        detections: The proposals.
        mask: What both sides are compared by: the proposals' ``amodal`` mask with the object's
            ``'amodal'`` or ``'visible'`` one.
        regions: Which objects count: ``'things'``, ``'stuff'`` or ``'both'``.
        max_proposals: How many proposals an image may have, ascending.

    Returns:
        ArScores: Recall by number of proposals and range.

    Raises:
        ValueError: An argument is none of these; no object counts; a score is no finite number;
            an image has objects and no proposal.

    Source: the amodal API of COCOA (Zhu et al., Semantic Amodal Segmentation, CVPR 2017).
    """
    check_recall(mask, regions, max_proposals)
    check_scores(detections)
    chosen = [t for t in truths if regions == 'both' or t.stuff == (regions == 'stuff')]
    if not chosen:
        raise ValueError(f'No true object is left of {len(truths)} with regions={regions!r}.')
    _check_images(chosen, detections)
    gt = [(t, _mask_of(t, mask), hidden_share(t)) for t in chosen]
    # A proposal is in every range; for the recall it makes no difference.
    dt = [(found, found.amodal, 0.0) for found in sorted(detections, key=rank)]
    run = run_coco_eval(gt, dt, OCCLUSION_RANGES, max_proposals, use_categories=False)
    values, objects = {}, {}
    for place, (name, (low, high)) in enumerate(OCCLUSION_RANGES.items()):
        objects[name] = sum(low <= share <= high and not t.crowd for t, _, share in gt)
        for number, limit in enumerate(max_proposals):
            key = f'AR@{limit}' if name == 'all' else f'AR@{limit}_{name}'
            values[key] = mean_setting(run.recall[:, :, place, number])
    return ArScores(values, objects, len(dt))


def _check_images(chosen: Sequence[TruthObject], detections: Sequence[Detection]) -> None:
    proposed = {found.image for found in detections}
    empty = list(dict.fromkeys(t.image for t in chosen if t.image not in proposed))
    if empty:
        raise ValueError(
            f'{len(empty)} images have no proposal, for example image {empty[0]!r}: this protocol '
            'needs at least one in each image that has objects.'
        )


def hidden_share(truth: TruthObject) -> float:
    """Returns how much of an object is hidden: what its file states, else what its masks show."""
    if truth.stated_share is not None:
        return 1.0 - truth.stated_share
    return 1.0 - visible_share(truth.amodal, truth.visible)


def _mask_of(truth: TruthObject, mask: str) -> Rle:
    return truth.amodal if mask == 'amodal' else truth.visible


def check_recall(mask: str, regions: str, max_proposals: Sequence[int]) -> None:
    """Checks arguments of :func:`average_recall`.

    Raises:
        ValueError: One is out of its range; the message says what it may be.
    """
    if mask not in ('amodal', 'visible'):
        raise ValueError(f"mask must be 'amodal' or 'visible', got {mask!r}.")
    if regions not in REGIONS:
        raise ValueError(f'regions must be one of {REGIONS}, got {regions!r}.')
    numbers = list(max_proposals)
    if not numbers or numbers != sorted(set(numbers)) or numbers[0] < 1:
        raise ValueError(f'max_proposals are ascending numbers of 1 or more, got {numbers}.')
