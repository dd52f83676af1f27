"""Running pycocotools' COCOeval on objects of ours."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from c2fseg.evaluation.functional.coco_objects import Detection, Rle, TruthObject

Ranges = dict[str, tuple[float, float]]
"""What a range adds to the name of a number -> its ends, both included."""


class CocoRun(NamedTuple):
    """What COCOeval found.

    Attributes:
        precision: (thresholds, recalls, categories, ranges, numbers of detections); -1 where
            there is no object.
        recall: (thresholds, categories, ranges, numbers of detections).
        categories: The category ids in the order of that axis.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    categories: list[Any]


def numbering(ids: Iterable[Any]) -> dict[Any, int]:
    """Numbers distinct ids from 1, in an order that depends on nothing but the ids."""
    distinct = sorted(set(ids), key=lambda one: (isinstance(one, str), one))
    return {one: number for number, one in enumerate(distinct, start=1)}


def run_coco_eval(
    gt: Sequence[tuple[TruthObject, Rle, float]],
    dt: Sequence[tuple[Detection, Rle, float]],
    ranges: Ranges,
    max_detections: Sequence[int],
    boxes: bool = False,
    use_categories: bool = True,
) -> CocoRun:
    """Matches and accumulates.

    Args:
        gt: Each object with the mask it is compared by, and the number its ranges look at.
        dt: Each detection, the same.
        ranges: Ranges of that number.
        max_detections: How many detections an image (and category) may have, ascending.
        boxes: Compare boxes, not masks.
        use_categories: Whether a detection must be of the object's category.

    Returns:
        CocoRun: Precision and recall.
    """
    images = numbering([*(t.image for t, _, _ in gt), *(d.image for d, _, _ in dt)])
    categories = numbering([*(t.category for t, _, _ in gt), *(d.category for d, _, _ in dt)])
    sizes = {images[truth.image]: rle['size'] for truth, rle, _ in gt}
    sizes |= {images[found.image]: rle['size'] for found, rle, _ in dt}
    entries = [{'id': number, 'height': h, 'width': w} for number, (h, w) in sizes.items()]
    kinds = [{'id': number} for number in categories.values()]
    truths, detected = [], []
    for truth, rle, value in gt:
        where = {'image_id': images[truth.image], 'category_id': categories[truth.category]}
        box = coco_mask.toBbox(rle).tolist()
        truths.append(_entry(where, rle, box, value) | {'iscrowd': int(truth.crowd)})
    for found, rle, value in dt:
        where = {'image_id': images[found.image], 'category_id': categories[found.category]}
        box = detection_box(found) if boxes else coco_mask.toBbox(rle).tolist()
        detected.append(_entry(where, rle, box, value) | {'score': found.score})
    with redirect_stdout(io.StringIO()):  # COCOeval prints its progress
        pair = _coco(entries, kinds, truths), _coco(entries, kinds, detected)
        evaluation = COCOeval(*pair, 'bbox' if boxes else 'segm')
        evaluation.params.areaRng = [list(bounds) for bounds in ranges.values()]
        evaluation.params.areaRngLbl = list(ranges)
        evaluation.params.maxDets = list(max_detections)
        evaluation.params.useCats = int(use_categories)
        evaluation.evaluate()
        evaluation.accumulate()
    return CocoRun(evaluation.eval['precision'], evaluation.eval['recall'], list(categories))


def detection_box(found: Detection) -> list[float]:
    """Returns the amodal box [x, y, w, h] of a detection."""
    return list(found.box) if found.box is not None else coco_mask.toBbox(found.amodal).tolist()


def _entry(where: dict[str, int], rle: Rle, box: list[float], value: float) -> dict[str, Any]:
    return {**where, 'segmentation': rle, 'bbox': box, 'area': value}


def _coco(images: list[dict], categories: list[dict], annotations: list[dict]) -> COCO:
    # Ids begin at 1: COCOeval takes a match with id 0 for none.
    numbered = [entry | {'id': number} for number, entry in enumerate(annotations, start=1)]
    coco = COCO()
    coco.dataset = {'images': images, 'categories': categories, 'annotations': numbered}
    coco.createIndex()
    return coco


def mean_setting(values: NDArray[np.float64]) -> float:
    """Returns the mean over the settings that have objects (others are -1), NaN where none has."""
    there = values[values > -1]
    return float(there.mean()) if there.size else math.nan
