"""Which prediction belongs to which true object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.evaluation.scoring.predictions import Prediction
from c2fseg.evaluation.scoring.truth import ObjectInfo, Truth
from c2fseg.utils.matching import best_pairs
from c2fseg.utils.slow_progress import track_if_slow

MATCH_IOU = 0.5
BY_ID = 'annotation_id'


@dataclass
class Joined:
    """What became of the objects and of the predictions.

    Attributes:
        objects: For each true object its predictions by frame; ``{None: ...}`` in an image. Empty
            where it has none.
        rules: For each object how its predictions were found: ``'annotation_id'``,
            ``'visible IoU'``, ``'amodal IoU'``, ``''`` without one.
        ious: The IoU of the match, NaN where it was not by IoU.
        surplus: Predictions that belong to no object.
    """

    objects: list[dict[int | None, Prediction]]
    rules: list[str]
    ious: list[float]
    surplus: list[Prediction] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        """Places of the objects without any prediction."""
        return [place for place, found in enumerate(self.objects) if not found]


def join(
    truth: Truth,
    predictions: Sequence[Prediction],
    match_iou: float = MATCH_IOU,
    use_ids: bool = True,
) -> Joined:
    """Gives every true object its predictions.

    A prediction with an ``annotation_id`` belongs to the object of that id. The others are matched
    in their image with the objects that are left: by the IoU of the visible masks where the
    prediction has one, of the amodal masks where it has none. Of all pairs the one with the
    largest IoU is taken, then the largest of what is left, down to ``match_iou``; of equal pairs
    the prediction with the higher score. Categories are not looked at, and the order of the file
    makes no difference.

    Args:
        truth: The true objects.
        predictions: The entries of a prediction file.
        match_iou: Smallest IoU of a match, above 0 and up to 1.
        use_ids: False leaves ``annotation_id`` aside, where the ids are not the ground truth's.

    Returns:
        Joined: Objects, predictions and what is left over.

    Raises:
        ValueError: ``match_iou`` is out of range; clips without ids; an ``annotation_id`` belongs
            to an object of another image; no prediction fits any object.
    """
    if not 0 < match_iou <= 1:
        raise ValueError(f'match_iou must lie above 0 and up to 1, got {match_iou}.')
    if truth.clips and not use_ids:
        raise ValueError('Objects in clips are joined by annotation_id only.')
    number = len(truth.objects)
    joined = Joined([{} for _ in range(number)], [''] * number, [float('nan')] * number)
    places = _places(truth)
    unnamed: dict[Any, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        if prediction.annotation_id is None or not use_ids:
            unnamed[prediction.image_id].append(prediction)
            continue
        place = _find(places, prediction, truth)
        if place is None:
            joined.surplus.append(prediction)
        else:
            joined.objects[place][prediction.frame] = prediction
            joined.rules[place] = BY_ID
    _match_images(truth, unnamed, joined, match_iou)
    joined.surplus.sort(key=lambda prediction: prediction.number)
    _check_any(truth, predictions, joined)
    return joined


def _check_any(truth: Truth, predictions: Sequence[Prediction], joined: Joined) -> None:
    """Refuses a file of which nothing fits."""
    if len(joined.missing) < len(truth.objects):
        return
    first = truth.objects[0]
    raise ValueError(
        f'None of the {len(predictions)} predictions belongs to any of the {len(truth.objects)} '
        f'objects of {truth.ann_file} (the first prediction: {predictions[0].name}, annotation_id '
        f'{predictions[0].annotation_id!r}; the first object: image {first.image_id!r}, '
        f'annotation_id {first.annotation_id!r}); is it the file of this split?'
    )


def _places(truth: Truth) -> dict[Any, int]:
    """Returns the place of each object by its id; in clips ids are unique in a video only."""
    if truth.clips:
        return {(item.image_id, item.annotation_id): item.position for item in truth.objects}
    return {item.annotation_id: item.position for item in truth.objects}


def _find(places: dict[Any, int], prediction: Prediction, truth: Truth) -> int | None:
    if truth.clips:
        return places.get((prediction.image_id, prediction.annotation_id))
    place = places.get(prediction.annotation_id)
    if place is not None and truth.objects[place].image_id != prediction.image_id:
        raise ValueError(
            f'{prediction.name} names object {prediction.annotation_id!r}, which is in image '
            f'{truth.objects[place].image_id!r} of {truth.ann_file}.'
        )
    return place


def _match_images(
    truth: Truth, unnamed: dict[Any, list[Prediction]], joined: Joined, match_iou: float
) -> None:
    """Matches the predictions that name no object, image by image."""
    free: dict[Any, list[ObjectInfo]] = defaultdict(list)
    for item in truth.objects if unnamed else ():
        if not joined.objects[item.position]:
            free[item.image_id].append(item)
    for image_id, found in track_if_slow(unnamed.items(), len(unnamed), 'matching masks'):
        found = sorted(found, key=_rank)
        taken = _match(truth, free.get(image_id, []), found, joined, match_iou)
        joined.surplus += [found[place] for place in range(len(found)) if place not in taken]


def _rank(prediction: Prediction) -> tuple:
    """Orders predictions by score and then by what they say, not by where they stand."""
    score = prediction.score if prediction.score is not None else 0.0
    coded = (mask['counts'] if mask else b'' for mask in (prediction.amodal, prediction.visible))
    return -score, *coded


def _match(
    truth: Truth,
    items: Sequence[ObjectInfo],
    found: Sequence[Prediction],
    joined: Joined,
    match_iou: float,
) -> set[int]:
    """Matches the predictions of one image; returns the places of those that were taken."""
    if not items:
        return set()
    coded = [truth.coded_masks(item.position) for item in items]
    overlap = np.zeros((len(found), len(items)))
    for kind in (0, 1):
        rows = [p for p, one in enumerate(found) if (one.visible is not None) == bool(kind)]
        if rows:
            masks = [(found[row].amodal, found[row].visible)[kind] for row in rows]
            truths = [pair[kind] for pair in coded]
            overlap[rows] = coco_mask.iou(masks, truths, [0] * len(truths))
    taken: dict[int, int] = {}
    for place, column in best_pairs(overlap, match_iou):
        taken[place] = column
        position = items[column].position
        joined.objects[position][None] = found[place]
        joined.rules[position] = 'amodal IoU' if found[place].visible is None else 'visible IoU'
        joined.ious[position] = float(overlap[place, column])
    return set(taken)


def visible_source_of(predictions: Iterable[Prediction], stated: str | None) -> str:
    """Tells where the visible masks come from that completed objects were made of.

    Args:
        predictions: Entries of one file.
        stated: What the user says; it goes before what the file says.

    Returns:
        ``'gt'`` or ``'pred:<detector>'``; ``'pred:file'`` where nobody says.

    Raises:
        ValueError: The entries of the file do not agree.
    """
    if stated is not None:
        return stated
    sources = sorted({prediction.visible_source or 'pred:file' for prediction in predictions})
    if len(sources) != 1:
        raise ValueError(
            f'The visible masks of the predictions come from {", ".join(sources)}: score them '
            "apart, or say which it is ('gt' or 'pred:<detector>')."
        )
    return sources[0]
