"""COCO-style average precision and recall of detections, on amodal, visible and occluded masks.

Matching and averaging are pycocotools' ``COCOeval``; here is decided which mask an object is
compared by, and which number its ranges (small, medium, large) look at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from c2fseg.evaluation.functional.coco_objects import (
    Detection,
    Rle,
    TruthObject,
    check_scores,
    mask_area,
    rank,
    subtract,
    visible_share,
)
from c2fseg.evaluation.functional.coco_run import (
    CocoRun,
    Ranges,
    detection_box,
    mean_setting,
    run_coco_eval,
)

MASKS = ('amodal', 'visible', 'occluded', 'box')
MAX_DETECTIONS = (1, 10, 100)
PIXEL_RANGES: Ranges = {
    '': (0, 1e10),
    's': (0, 32**2),
    'm': (32**2, 96**2),
    'l': (96**2, 1e10),
}
SHARE_RANGES: Ranges = {'': (0, 1), 's': (0, 0.85), 'm': (0, 0.75), 'l': (0, 0.6)}
HIDDEN_RANGES: Ranges = {
    '': (0, 1),
    '_hidden15': (0, 0.85),
    '_hidden25': (0, 0.75),
    '_hidden40': (0, 0.6),
}


class ApScores(NamedTuple):
    """The numbers of one kind of mask.

    Attributes:
        values: ``AP``, ``AP50``, ``AP75``, ``AP`` with each range, ``AR@1``, ``AR@10``,
            ``AR@100``; in [0, 1], NaN where no object asks for it.
        by_category: ``AP``, ``AP50``, ``AP75`` of each category id that has an object.
        objects: Objects that take part.
        ignored: How many of them are ignored also in the range of all objects.
        detections: Detections that take part.
    """

    values: dict[str, float]
    by_category: dict[Any, dict[str, float]]
    objects: int
    ignored: int
    detections: int


class CocoMode(NamedTuple):
    """A named way to fill the ranges.

    Attributes:
        ranges: The ranges by name.
        truth_value: What the ranges look at in an object; gets the mask in use too.
        detection_value: The same for a detection.
        needs_visible: Whether every detection needs a visible mask.
    """

    ranges: Ranges
    truth_value: Callable[[TruthObject, Rle], float]
    detection_value: Callable[[Detection, Rle], float]
    needs_visible: bool = False


def _pixels(item: TruthObject | Detection, mask: Rle) -> float:
    return float(mask_area(mask))


def _box_pixels(truth: TruthObject, mask: Rle) -> float:
    width, height = coco_mask.toBbox(truth.amodal)[2:].tolist()
    return width * height


def _published_share(truth: TruthObject, mask: Rle) -> float:
    """The stated share; where there is none ``area`` stays in pixels, as published."""
    if truth.stated_share is not None:
        return truth.stated_share
    return float(mask_area(truth.amodal))


def _own_share(detection: Detection, mask: Rle) -> float:
    assert detection.visible is not None, 'checked before'
    return visible_share(detection.amodal, detection.visible)


def _true_share(truth: TruthObject, mask: Rle) -> float:
    return visible_share(truth.amodal, truth.visible)


def _in_every_range(detection: Detection, mask: Rle) -> float:
    return 0.0


COCO_MODES: dict[str, CocoMode] = {
    'coco-amodal': CocoMode(PIXEL_RANGES, _pixels, _pixels),
    'coco-amodal-aistron': CocoMode(PIXEL_RANGES, _box_pixels, _pixels),
    'coco-amodal-vrsp': CocoMode(SHARE_RANGES, _published_share, _own_share, needs_visible=True),
    'coco-amodal-hidden': CocoMode(HIDDEN_RANGES, _true_share, _in_every_range),
}
"""The modes by name. Their APs of all objects differ where objects are ignored in all ranges.

- ``coco-amodal``: COCO's; the ranges are pixels of the mask in use.
- ``coco-amodal-aistron``: as AIStron's: an object's ``area`` is that of its amodal box.
- ``coco-amodal-vrsp``: as VRSP's and AISFormer's: ``area`` is overwritten by the visible share, so
  s, m, l mean hidden by at least 15, 25, 40 %. Objects without a stated share keep pixels and are
  ignored everywhere, so are those whose share exceeds 1; an unmatched detection counts as wrong
  only in the ranges that its own share lies in.
- ``coco-amodal-hidden``: the corrected form: shares are |V and A| / |A| of the true masks, so no
  object is lost, and an unmatched detection counts as wrong in every range.
"""


def get_coco_mode(name: str) -> CocoMode:
    """Returns the mode ``name``.

    Raises:
        ValueError: There is no mode of this name; the message lists those that exist.
    """
    if name not in COCO_MODES:
        raise ValueError(
            f'Unknown mode {name!r} of average precision; available: '
            f'{", ".join(sorted(COCO_MODES))}.'
        )
    return COCO_MODES[name]


def average_precision(
    truths: Sequence[TruthObject],
    detections: Sequence[Detection],
    mode: str = 'coco-amodal',
    mask: str = 'amodal',
) -> ApScores:
    """Computes COCO's AP and AR, the mean over the categories that have objects.

    ``occluded`` compares the hidden parts, of objects that have one (O = A without V not empty);
    a detection whose own hidden part is empty claims nothing and takes no part. ``box`` compares
    amodal boxes. The order of the detections makes no difference, equal scores included.

    Args:
        truths: The true objects of all images.
        detections: All detections; those in images without a true object count as wrong.
        mode: A name in :data:`COCO_MODES`.
        mask: One of :data:`MASKS`.

    Returns:
        ApScores: Its numbers.

    Raises:
        ValueError: Unknown mode or mask; no object; a detection without the visible mask that is
            needed, or with a score that is no finite number.

    Source: COCO's evaluation; VRSP, AISFormer, AIStron for the modes.
    """
    chosen = get_coco_mode(mode)
    _check(truths, detections, mask, chosen.needs_visible or mask in ('visible', 'occluded'))
    gt = [(truth, _truth_mask(truth, mask)) for truth in truths]
    dt = [(found, _detection_mask(found, mask)) for found in sorted(detections, key=rank)]
    if mask == 'occluded':
        gt = [(truth, rle) for truth, rle in gt if mask_area(rle)]
        dt = [(found, rle) for found, rle in dt if mask_area(rle)]
    valued = [(truth, rle, chosen.truth_value(truth, rle)) for truth, rle in gt]
    run = run_coco_eval(
        valued,
        [(found, rle, _detection_value(chosen, mask, found, rle)) for found, rle in dt],
        chosen.ranges,
        MAX_DETECTIONS,
        boxes=mask == 'box',
    )
    low, high = chosen.ranges['']
    ignored = sum(truth.crowd or not low <= value <= high for truth, _, value in valued)
    return ApScores(_numbers(run, chosen.ranges), _by_category(run), len(gt), ignored, len(dt))


def _check(
    truths: Sequence[TruthObject],
    detections: Sequence[Detection],
    mask: str,
    needs_visible: bool,
) -> None:
    if mask not in MASKS:
        raise ValueError(f'mask must be one of {MASKS}, got {mask!r}.')
    if not truths:
        raise ValueError('There is no true object to compute an average precision of.')
    check_scores(detections)
    bare = next((found for found in detections if found.visible is None), None)
    if needs_visible and bare is not None:
        raise ValueError(
            f'A detection in image {bare.image!r} has no visible mask, which is needed here; give '
            'one to all detections (visible_segmentation), or ask for the amodal AP alone.'
        )


def _truth_mask(truth: TruthObject, mask: str) -> Rle:
    if mask == 'occluded':
        return subtract(truth.amodal, truth.visible)
    return truth.visible if mask == 'visible' else truth.amodal


def _detection_mask(found: Detection, mask: str) -> Rle:
    if mask in ('visible', 'occluded'):
        assert found.visible is not None, 'checked before'
        return found.visible if mask == 'visible' else subtract(found.amodal, found.visible)
    return found.amodal


def _detection_value(mode: CocoMode, mask: str, found: Detection, rle: Rle) -> float:
    if mask == 'box' and mode.ranges is PIXEL_RANGES:
        # As COCO's: a true object keeps the pixels of its mask, a detected box has its own.
        width, height = detection_box(found)[2:]
        return width * height
    return mode.detection_value(found, rle)


def _numbers(run: CocoRun, ranges: Ranges) -> dict[str, float]:
    every = list(ranges).index('')
    values = _precisions(run.precision[..., every, -1])
    for place, name in enumerate(ranges):
        if place != every:
            values[f'AP{name}'] = mean_setting(run.precision[..., place, -1])
    for place, number in enumerate(MAX_DETECTIONS):
        values[f'AR@{number}'] = mean_setting(run.recall[:, :, every, place])
    return values


def _precisions(precision: NDArray[np.float64]) -> dict[str, float]:
    """Returns AP, AP50 and AP75 of (thresholds from .50 by .05, recalls, ...)."""
    return {
        'AP': mean_setting(precision),
        'AP50': mean_setting(precision[0]),
        'AP75': mean_setting(precision[5]),
    }


def _by_category(run: CocoRun) -> dict[Any, dict[str, float]]:
    every = run.precision[:, :, :, 0, -1]
    return {
        category: _precisions(every[:, :, place])
        for place, category in enumerate(run.categories)
        if (every[:, :, place] > -1).any()
    }
