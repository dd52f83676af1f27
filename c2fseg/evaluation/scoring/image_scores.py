"""Scoring the predictions of objects in images, under any number of protocols in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from c2fseg.evaluation.functional import RegionCounts, get_protocol, occlusion_rate
from c2fseg.evaluation.functional.coco_objects import Rle
from c2fseg.evaluation.functional.image_protocol import ImageProtocol
from c2fseg.evaluation.scoring.joining import Joined
from c2fseg.evaluation.scoring.object_scores import (
    PREDICTION,
    TRIVIAL_METHODS,
    ImageScores,
    ProtocolScores,
    ScoreColumn,
    Scoring,
    check_missing_rule,
    given_mask,
)
from c2fseg.evaluation.scoring.predictions import Prediction
from c2fseg.evaluation.scoring.truth import Truth
from c2fseg.models.segmentors.trivial_predictor import fill_convex_hull
from c2fseg.utils.slow_progress import track_if_slow


class _Plan(NamedTuple):
    """A protocol, and the columns that it fills."""

    name: str
    protocol: ImageProtocol
    columns: list[ScoreColumn]

    @property
    def own(self) -> list[int]:
        """Places of the columns of the predictions themselves."""
        return [n for n, column in enumerate(self.columns) if column.method == PREDICTION]


def score_images(
    truth: Truth,
    joined: Joined,
    protocols: Sequence[str],
    visible_source: str = 'gt',
    missing: str = 'zero',
    trivial: bool = False,
) -> Scoring:
    """Scores all objects.

    Post-processing unites P with the visible mask that the model was given: with the true V where
    ``visible_source`` is ``'gt'``, else with that of :func:`given_mask`.

    Args:
        truth: The true objects, of images.
        joined: Their predictions.
        protocols: Names of protocols for images.
        visible_source: ``'gt'`` or ``'pred:<detector>'``.
        missing: Objects without a prediction score 0 and count (``'zero'``), are left out
            (``'skip'``) or raise (``'stop'``).
        trivial: Score the given visible mask and its convex hull too.

    Returns:
        Scoring: What each object adds to the numbers.

    Raises:
        ValueError: Unknown name; a missing prediction (``'stop'``) or mask (``trivial``).
    """
    check_missing_rule(missing)
    predicted = visible_source != 'gt'
    found = [place for place, one in enumerate(joined.objects) if one]
    knows_given = not predicted or all(given_mask(joined.objects[p][None]) for p in found)
    _check(truth, joined, missing, trivial, knows_given)
    plans = [_plan(name, trivial, knows_given) for name in protocols]
    number = len(truth.objects)
    scored = np.array(found if missing == 'skip' else range(number), dtype=np.intp)
    hidden = np.full(number, np.nan)
    every = [np.zeros((number, len(plan.columns), 2)) for plan in plans]
    for place in track_if_slow(scored.tolist(), len(scored), 'scoring'):
        prediction = joined.objects[place].get(None)
        masks = _masks(truth, place, prediction, predicted, trivial)
        regions = RegionCounts(**masks)
        hidden[place] = occlusion_rate(regions)
        for plan, terms in zip(plans, every):
            terms[place] = _terms(plan, regions, predicted)
            if prediction is None:  # nor is anything pasted where nothing was predicted
                terms[place, plan.own, 0] = 0.0
    scores = [_collect(*pair) for pair in zip(plans, every)]
    return Scoring(hidden, scored, scores, _notes(plans, knows_given))


def _collect(plan: _Plan, terms: NDArray[np.float64]) -> ProtocolScores:
    scores = ImageScores(plan.name, plan.columns, terms)
    smooth = {measure.key: measure.smooth for measure in plan.protocol.measures}
    scores.smooth = np.array([smooth[column.key] for column in plan.columns])
    return scores


def _check(truth: Truth, joined: Joined, missing: str, trivial: bool, knows_given: bool) -> None:
    gone = joined.missing
    if gone and missing == 'stop':
        first = truth.objects[gone[0]]
        raise ValueError(
            f'{len(gone)} of {len(truth.objects)} objects have no prediction, for example object '
            f'{first.annotation_id!r} of image {first.image_id!r}.'
        )
    if trivial and not knows_given:
        raise ValueError(
            'The trivial rows are made of the visible masks that the model was given, and the '
            'prediction file does not hold them for all objects (given_segmentation, or '
            'visible_segmentation of other systems).'
        )


def _plan(name: str, trivial: bool, knows_given: bool) -> _Plan:
    protocol = get_protocol(name)
    methods = (PREDICTION, *(TRIVIAL_METHODS if trivial else ()))
    forms = [form for form in protocol.forms if form != 'post' or knows_given]
    columns = [
        ScoreColumn(method, form, measure.key, measure.title)
        for method in methods
        for form in forms
        for measure in protocol.measures
    ]
    return _Plan(name, protocol, columns)


def _notes(plans: Sequence[_Plan], knows_given: bool) -> list[str]:
    if knows_given or all('post' not in plan.protocol.forms for plan in plans):
        return []
    return [
        'no post numbers: the file does not hold the visible masks that the model was given '
        '(given_segmentation)'
    ]


def _masks(
    truth: Truth, place: int, prediction: Prediction | None, predicted: bool, trivial: bool
) -> dict[str, NDArray[np.bool_]]:
    """Returns the masks of an object inside the box that holds them all."""
    amodal, visible = truth.coded_masks(place)
    coded: dict[str, Rle | None] = {
        PREDICTION: None if prediction is None else prediction.amodal,
        'amodal': amodal,
        'visible': visible,
        'given': visible,
    }
    if predicted:
        coded['given'] = None if prediction is None else given_mask(prediction)
    masks = decode_inside(coded)
    if trivial:
        hull = fill_convex_hull(np.ascontiguousarray(masks['given']).view(np.uint8))
        masks['convex_hull'] = hull.view(np.bool_)
    return masks


def decode_inside(coded: dict[str, Rle | None]) -> dict[str, NDArray[np.bool_]]:
    """Decodes masks inside the box that holds them all.

    Args:
        coded: Masks of one image; ``None`` is an empty one.

    Returns:
        dict: Each mask, ``(h, w)`` bool.
    """
    there = [rle for rle in coded.values() if rle is not None]
    boxes = coco_mask.toBbox(there).astype(int)
    boxes = boxes[(boxes[:, 2:] > 0).all(axis=1)]
    left, top = boxes[:, :2].min(axis=0, initial=1 << 30)
    right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0, initial=0)
    box = slice(top, max(top, bottom)), slice(left, max(left, right))
    decoded: dict[int, NDArray[np.bool_]] = {}  # one mask may have several names
    masks = {}
    for name, rle in coded.items():
        if rle is None:
            masks[name] = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), bool)
            continue
        if id(rle) not in decoded:
            decoded[id(rle)] = coco_mask.decode(rle)[box].view(np.bool_)
        masks[name] = decoded[id(rle)]
    return masks


def _terms(plan: _Plan, regions: RegionCounts, predicted: bool) -> NDArray[np.float64]:
    """Returns what an object adds above and below the fraction of each column."""
    measures = {measure.key: measure for measure in plan.protocol.measures}
    names = {PREDICTION: PREDICTION, 'visible': 'given', 'convex_hull': 'convex_hull'}
    scores = {}
    for method, form in dict.fromkeys((column.method, column.form) for column in plan.columns):
        region = regions[names[method]]
        region = region | regions['given'] if form == 'post' else region
        scores[method, form] = plan.protocol.score(regions, region, predicted, None)
    return np.array(
        [measures[c.key].terms(scores[c.method, c.form]) for c in plan.columns], dtype=np.float64
    )
