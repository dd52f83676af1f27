"""What is looked at in every object: its masks, and its boxes beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.structures.mask_coding import MAX_COORDINATE

from ..base_amodal_dataset import OUTSIDE_NOTE_RATE
from ..coco_amodal import BOX_TOLERANCE
from ..conversion import Finding, SourceObject, source_masks
from ..record_masks import MaskAreas, mask_areas

NOT_COMPARED = float('nan')


class ObjectTask(NamedTuple):
    """An object to measure.

    Attributes:
        item: The object.
        height: H of its picture.
        width: W of its picture.
        meanings: For each of its boxes 'amodal', 'visible' or None when the file does not say.
    """

    item: SourceObject
    height: int
    width: int
    meanings: tuple[str | None, ...]


class BoxDistance(NamedTuple):
    """How far a box is off the boxes of the masks: the largest difference of a side, in pixels.

    Attributes:
        key: Key of the box.
        amodal: From the box of the amodal mask.
        visible: From the box of the visible mask, nan when that is empty.
    """

    key: str
    amodal: float
    visible: float


class ObjectRow(NamedTuple):
    """What was measured.

    Attributes:
        where: What messages call it.
        image_id: Its picture.
        name: Its category, or name.
        areas: Pixels, None when a mask cannot be read.
        boxes: Its boxes.
        digest: A hash of both masks.
        findings: What is wrong or worth a remark.
    """

    where: str
    image_id: Any
    name: str
    areas: MaskAreas | None
    boxes: tuple[BoxDistance, ...]
    digest: bytes
    findings: tuple[Finding, ...]


def check_objects(tasks: Sequence[ObjectTask]) -> list[ObjectRow]:
    """Measure objects.

    Args:
        tasks: The objects.

    Returns:
        A row for each.
    """
    return [_check_object(task) for task in tasks]


def _check_object(task: ObjectTask) -> ObjectRow:
    item = task.item
    row = ObjectRow(item.where, item.image_id, item.name, None, (), b'', ())
    try:
        amodal, visible = source_masks(item, task.height, task.width)
    except (TypeError, ValueError) as error:
        kind = 'unreadable mask'
        if _has_other_size(item, task.height, task.width):
            kind = 'mask of another size'
        return row._replace(findings=(_finding(kind, item, str(error)),))
    areas = mask_areas([visible], [amodal])
    boxes = tuple(_measure_box(key, box, amodal, visible) for key, box in item.boxes)
    digest = hashlib.blake2b(amodal['counts'] + b'|' + visible['counts'], digest_size=12).digest()
    findings = [*_mask_findings(item, areas), *_box_findings(task, boxes, areas)]
    return row._replace(areas=areas, boxes=boxes, digest=digest, findings=tuple(findings))


def _has_other_size(item: SourceObject, height: int, width: int) -> bool:
    """Whether one of the coded masks says that it belongs to a picture of another size."""
    coded = (mask for mask in item.masks.values() if isinstance(mask, Mapping))
    return any(mask.get('size') not in (None, [height, width]) for mask in coded)


def _mask_findings(item: SourceObject, areas: MaskAreas) -> list[Finding]:
    if areas.amodal == 0:
        return [_finding('empty amodal mask', item, 'its amodal mask has no pixel')]
    if areas.visible == 0:
        return [_finding('fully hidden', item, 'its visible mask has no pixel', broken=False)]
    share = areas.outside / areas.amodal
    if share <= OUTSIDE_NOTE_RATE:
        return []
    text = f'{areas.outside} visible px lie outside the amodal mask, {share:.1%} of its area'
    return [_finding('visible outside amodal', item, text, broken=False)]


def _box_findings(
    task: ObjectTask, boxes: Sequence[BoxDistance], areas: MaskAreas
) -> list[Finding]:
    """Remarks on boxes that are not those of their masks."""
    if areas.amodal == 0:
        return []
    findings = []
    for (key, box), distance, meaning in zip(task.item.boxes, boxes, task.meanings):
        if not all(_is_place(side) for side in box):
            text = f'{key} is {box}, which are no numbers of pixels'
            findings.append(_finding('box without numbers', task.item, text))
            continue
        off = {'amodal': distance.amodal, 'visible': distance.visible}
        kept = off if meaning is None else {meaning: off[meaning]}
        known = {name: value for name, value in kept.items() if np.isfinite(value)}
        if known and min(known.values()) > BOX_TOLERANCE:
            text = ' and '.join(
                f'{value:.1f} px off the {name} box' for name, value in known.items()
            )
            findings.append(
                _finding('box disagrees with its mask', task.item, f'{key} is {text}', broken=False)
            )
    return findings


def _measure_box(
    key: str, box: Sequence[float], amodal: dict[str, Any], visible: dict[str, Any]
) -> BoxDistance:
    return BoxDistance(key, _box_distance(box, amodal), _box_distance(box, visible))


def _is_place(value: Any) -> bool:
    return abs(value) < MAX_COORDINATE  # false for nan too


def _box_distance(box: Sequence[float], rle: dict[str, Any]) -> float:
    """The largest distance of a side of ``box`` [x, y, w, h] from that of a mask's box, px."""
    if coco_mask.area(rle) == 0 or not all(_is_place(side) for side in box):
        return NOT_COMPARED
    sides = [_sides(one) for one in (box, coco_mask.toBbox(rle))]
    return float(np.abs(sides[0] - sides[1]).max())


def _sides(box: Sequence[float]) -> np.ndarray:
    x, y, width, height = (float(side) for side in box)
    return np.array([x, y, x + width, y + height])


def _finding(kind: str, item: SourceObject, text: str, broken: bool = True) -> Finding:
    return Finding(kind, item.where, f'{item.where}: {text}', broken)
