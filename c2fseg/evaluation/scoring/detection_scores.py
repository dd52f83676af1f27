"""Average precision and recall of a prediction file, under the named modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from c2fseg.evaluation.functional.amodal_ar import MAX_PROPOSALS, RECALL, average_recall
from c2fseg.evaluation.functional.coco_ap import COCO_MODES, MASKS, average_precision
from c2fseg.evaluation.functional.coco_objects import Detection, TruthObject
from c2fseg.evaluation.scoring.predictions import Prediction
from c2fseg.evaluation.scoring.truth import Truth
from c2fseg.utils.slow_progress import track_if_slow

DETECTION_PROTOCOLS = (*COCO_MODES, RECALL)


@dataclass
class DetectionTable:
    """The numbers of one mode.

    Attributes:
        protocol: Its name.
        rows: Name of what is compared (``'amodal'``, ``'visible'``, ...) -> numbers in [0, 1].
        objects: Name of the row -> number of objects.
        detections: Name of the row -> number of detections.
        by_category: Name of the row -> name of the category -> numbers.
        notes: What the reader of the numbers has to know.
    """

    protocol: str
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    detections: dict[str, int] = field(default_factory=dict)
    by_category: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def score_detections(
    truth: Truth,
    predictions: Sequence[Prediction],
    protocols: Sequence[str],
    regions: str = 'things',
    max_proposals: Sequence[int] = MAX_PROPOSALS,
) -> list[DetectionTable]:
    """Scores all predictions as detections; which object they name is not looked at.

    Args:
        truth: The true objects, of images.
        predictions: The entries of a prediction file.
        protocols: Names in :data:`DETECTION_PROTOCOLS`.
        regions: For ``amodal-ar``: ``'things'``, ``'stuff'`` or ``'both'``.
        max_proposals: For ``amodal-ar``: numbers of proposals, ascending.

    Returns:
        list: One table a protocol.

    Raises:
        ValueError: Ground truth of clips; a prediction without a score, or with a category that
            the ground truth has not; what the mode itself refuses.
    """
    truths = truth.detection_truth()
    names = {item.category_id: item.category for item in truth.objects}
    known = set(truth.dataset.metainfo['category_ids'])
    tables = []
    for protocol in track_if_slow(protocols, len(protocols), 'scoring detections'):
        free = protocol == RECALL
        detections = [_detection(one, None if free else known) for one in predictions]
        if free:
            tables.append(_recall(truths, detections, regions, max_proposals))
        else:
            tables.append(_precision(truths, detections, protocol, names))
    return tables


def _detection(prediction: Prediction, known: set[Any] | None) -> Detection:
    if prediction.score is None:
        raise ValueError(
            f'{prediction.name} has no score; average precision and recall sort detections by it.'
        )
    if known is not None and prediction.category_id not in known:
        shown = ', '.join(map(str, sorted(known, key=str)[:10]))
        raise ValueError(
            f'{prediction.name} has the category_id {prediction.category_id!r}; average precision '
            f'is by category, and the ground truth has {shown}.'
        )
    return Detection(
        prediction.image_id,
        0 if known is None else prediction.category_id,
        prediction.score,
        prediction.amodal,
        prediction.visible,
        prediction.box,
    )


def _precision(
    truths: Sequence[TruthObject],
    detections: Sequence[Detection],
    protocol: str,
    names: dict[Any, str],
) -> DetectionTable:
    table = DetectionTable(protocol)
    bare = sum(found.visible is None for found in detections)
    needs_visible = COCO_MODES[protocol].needs_visible
    ignored = 0
    for mask in MASKS:
        if bare and not needs_visible and mask in ('visible', 'occluded'):
            continue
        scores = average_precision(truths, detections, protocol, mask)
        table.rows[mask] = scores.values
        table.objects[mask] = scores.objects
        table.detections[mask] = scores.detections
        table.by_category[mask] = {
            names.get(category, str(category)): values
            for category, values in scores.by_category.items()
        }
        if mask == 'amodal':
            ignored = scores.ignored
    if bare and not needs_visible:
        table.notes.append(
            f'no visible and occluded AP: {bare} of {len(detections)} detections have no '
            'visible_segmentation'
        )
    if ignored:
        table.notes.append(
            f'{ignored} of {len(truths)} objects are ignored in the range of all objects '
            + ('(no stated visible share, or one above 1)' if needs_visible else '(crowds)')
        )
    return table


def _recall(
    truths: Sequence[TruthObject],
    detections: Sequence[Detection],
    regions: str,
    max_proposals: Sequence[int],
) -> DetectionTable:
    table = DetectionTable(RECALL, notes=[f'regions: {regions}; classes are left aside'])
    for mask in ('amodal', 'visible'):
        scores = average_recall(truths, detections, mask, regions, max_proposals)
        for name, number in scores.objects.items():
            end = '' if name == 'all' else f'_{name}'
            row = f'{mask}, {name}'
            values = {f'AR@{n}': scores.values[f'AR@{n}{end}'] for n in max_proposals}
            table.rows[row], table.objects[row] = values, number
            table.detections[row] = scores.detections
    return table
