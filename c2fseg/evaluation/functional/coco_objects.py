"""True and detected objects as detection scores (AP, AR) see them: coded masks with a class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

Rle = dict[str, Any]
"""A mask as compressed COCO RLE at image size, ``counts`` as bytes."""


class TruthObject(NamedTuple):
    """A true object.

    Attributes:
        image: Id of its image.
        category: Id of its category.
        amodal: A.
        visible: V.
        crowd: Whether it is a crowd region: detections inside are neither right nor wrong.
        stated_share: Visible share as the annotation file states it (see :func:`stated_share`);
            ``None`` where it states none.
        stuff: Whether it is stuff, no thing.
    """

    image: Any
    category: Any
    amodal: Rle
    visible: Rle
    crowd: bool = False
    stated_share: float | None = None
    stuff: bool = False


class Detection(NamedTuple):
    """A detected object.

    Attributes:
        image: Id of its image.
        category: Id of its category.
        score: How certain it is; higher comes first.
        amodal: Its amodal mask.
        visible: Its visible mask, ``None`` where the detector gives none.
        box: Its amodal box [x, y, w, h]; ``None`` takes the box around ``amodal``.
    """

    image: Any
    category: Any
    score: float
    amodal: Rle
    visible: Rle | None = None
    box: tuple[float, float, float, float] | None = None


def mask_area(rle: Rle) -> int:
    """Returns the number of pixels of a coded mask."""
    return int(coco_mask.area(rle))


def subtract(first: Rle, second: Rle) -> Rle:
    """Returns the pixels of ``first`` that are not in ``second``."""
    rest = coco_mask.decode(first) & ~coco_mask.decode(second) & 1
    return coco_mask.encode(np.asfortranarray(rest))


def visible_share(amodal: Rle, visible: Rle) -> float:
    """Returns |V and A| / |A|, and 0 where A is empty."""
    whole = mask_area(amodal)
    seen = mask_area(coco_mask.merge([amodal, visible], intersect=True))
    return seen / whole if whole else 0.0


def stated_share(annotation: Mapping[str, Any], visible: Rle) -> float | None:
    """Returns the visible share that the published occlusion ranges take from an annotation.

    1 - ``occlude_rate`` where that key is there, else the pixels of ``inmodal_seg`` divided by
    the *stated* ``area`` (which may come out above 1), else ``None``.

    Args:
        annotation: The annotation as the file has it.
        visible: Its V.

    Source: the evaluation released with VRSP and AISFormer.
    """
    if annotation.get('occlude_rate') is not None:
        return 1.0 - float(annotation['occlude_rate'])
    area = annotation.get('area')
    if 'inmodal_seg' in annotation and area:
        return mask_area(visible) / float(area)
    return None


def check_scores(detections: Iterable[Detection]) -> None:
    """Checks that all scores are finite numbers.

    Raises:
        ValueError: One is not; its image is named.
    """
    for found in detections:
        if not math.isfinite(found.score):
            raise ValueError(
                f'A detection in image {found.image!r} has the score {found.score}; scores must '
                'be finite numbers.'
            )


def rank(found: Detection) -> tuple:
    """Returns what detections are sorted by: score, then what they say, never where they stand."""
    coded = found.amodal['counts'], found.visible['counts'] if found.visible else b''
    return -found.score, str(found.image), str(found.category), *coded, found.box or ()
