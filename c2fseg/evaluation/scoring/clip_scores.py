"""Scoring the predictions of objects in clips, frame by frame, under any number of protocols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from c2fseg.evaluation.functional import FrameScores, get_clip_protocol
from c2fseg.evaluation.functional.clip_protocol import (
    ClipProtocol,
    count_masks,
    make_case,
    predictions_by_form,
)
from c2fseg.evaluation.scoring.joining import Joined
from c2fseg.evaluation.scoring.object_scores import (
    PREDICTION,
    TRIVIAL_METHODS,
    ProtocolScores,
    ScoreColumn,
    Scoring,
    Terms,
    check_missing_rule,
)
from c2fseg.evaluation.scoring.truth import Truth
from c2fseg.models.segmentors.trivial_predictor import fill_convex_hull
from c2fseg.utils.slow_progress import track_if_slow

MEASURES = (('mIoU_full', 'full'), ('mIoU_occ', 'occ'))
Masks = dict[str, NDArray[np.bool_]]


class ClipScores(ProtocolScores):
    """The scores of objects in clips under one protocol.

    Attributes:
        frames: For each object the scores of its frames by (method, form); ``None`` where it was
            not scored.
        numbers: For each object its video and the numbers of its frames.
    """

    def __init__(self, name: str, protocol: ClipProtocol, methods: Sequence[str], number: int):
        self.protocol = name
        self.averaging = protocol.averaging
        self.forms = list(protocol.forms)
        self.methods = list(methods)
        self.frames: list[dict[tuple[str, str], FrameScores] | None] = [None] * number
        self.numbers: list[tuple[str, list[int]]] = [('', [])] * number

    @property
    def columns(self) -> list[ScoreColumn]:  # type: ignore[override]
        """Its numbers; without ``post`` where no object knows the others of its video."""
        return [
            ScoreColumn(method, form, key, title)
            for method in self.methods
            for form in self.forms
            for key, title in MEASURES
        ]

    @property
    def smooth(self) -> NDArray[np.float64]:  # type: ignore[override]
        """Nothing is added below the fractions."""
        return np.zeros(len(self.columns))

    def terms(self, chosen: NDArray[np.intp]) -> Terms:
        """Returns what the chosen objects add to the columns.

        A protocol that averages tracks takes the mean of an object's frames, one that pools frames
        their sum; where the objects of a frame are averaged first, a frame is shared among those
        of the chosen ones that count in it.
        """
        columns = self.columns
        terms = np.zeros((len(chosen), len(columns), 2))
        if not len(chosen):
            return terms
        for number, column in enumerate(columns):
            values, counts = zip(*(self._column(place, column) for place in chosen.tolist()))
            if self.averaging == 'video frames':
                shares = self._shares(chosen, counts)
            else:
                shares = [count.astype(np.float64) for count in counts]
            for row, (value, share) in enumerate(zip(values, shares)):
                below = float(share.sum())
                above = float(value @ share)
                if self.averaging == 'tracks':
                    above, below = (above / below, 1.0) if below else (0.0, 0.0)
                terms[row, number] = above, below
        return terms

    def _column(
        self, place: int, column: ScoreColumn
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        found = self.frames[place]
        assert found is not None, 'only scored objects are chosen'
        scores = found[column.method, column.form]
        if column.key == 'mIoU_full':
            return scores.full, scores.counts_full
        return scores.occluded, scores.counts_occluded

    def _shares(
        self, chosen: NDArray[np.intp], counts: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float64]]:
        """Returns for each counted frame of each object 1 / objects that count in it."""
        times: Counter[tuple[str, int]] = Counter()
        spots = []
        for place, count in zip(chosen.tolist(), counts):
            video, numbers = self.numbers[place]
            spots.append([(video, number) for number in numbers])
            times.update(spot for spot, one in zip(spots[-1], count) if one)
        return [
            np.array([1.0 / times[spot] if one else 0.0 for spot, one in zip(mine, count)])
            for mine, count in zip(spots, counts)
        ]


class _Frames(NamedTuple):
    """The frames of an object that were predicted or need no prediction; how many lack one."""

    there: NDArray[np.bool_]
    missing: int


def score_clips(
    truth: Truth,
    joined: Joined,
    protocols: Sequence[str],
    visible_source: str = 'gt',
    missing: str = 'zero',
    trivial: bool = False,
) -> Scoring:
    """Scores all objects, frame by frame.

    V and the masks of other objects are the truth. Frames in which the object is visible or which
    count, without a prediction, fall under ``missing``; others without an entry are empty ones.

    Args:
        truth: The true objects, of clips.
        joined: Their predictions; those of frames that no object has are added to the surplus.
        protocols: Names of protocols for clips.
        visible_source: ``'gt'`` or ``'pred:<detector>'``.
        missing: ``'zero'``, ``'skip'`` or ``'stop'``, as for images.
        trivial: Score the true visible masks and their convex hulls too.

    Returns:
        Scoring: What each object adds to the numbers.

    Raises:
        ValueError: Unknown protocol or rule; a prediction is missing under ``'stop'``; masks that
            the model was given are needed and are predicted ones.
    """
    check_missing_rule(missing)
    chosen = {name: get_clip_protocol(name) for name in protocols}
    _check_source(chosen, visible_source, trivial)
    number = len(truth.objects)
    methods = (PREDICTION, *(TRIVIAL_METHODS if trivial else ()))
    scores = [ClipScores(name, one, methods, number) for name, one in chosen.items()]
    places = [p for p in range(number) if joined.objects[p] or missing != 'skip']
    hidden = np.full(number, np.nan)
    gone = 0
    for place in track_if_slow(places, len(places), 'scoring'):
        track = _score_track(truth, joined, place, scores, chosen, missing)
        hidden[place] = track.hidden
        gone += track.missing
    notes = [f'{gone} frames have no prediction ({missing})'] if gone else []
    notes += _drop_unknown_forms(scores)
    return Scoring(hidden, np.array(places, dtype=np.intp), list(scores), notes)


class _Track(NamedTuple):
    """How much of an object is hidden over its frames, and how many of these lack a prediction."""

    hidden: float
    missing: int


def _score_track(
    truth: Truth,
    joined: Joined,
    place: int,
    scores: Sequence[ClipScores],
    protocols: dict[str, ClipProtocol],
    missing: str,
) -> _Track:
    """Scores one object; writes into ``scores``."""
    record, masks = truth.clip_masks(place)
    frames = _add_prediction(record, masks, joined, place, missing, truth)
    valid = np.flatnonzero(record['frame_valid'])
    methods = scores[0].methods
    if 'convex_hull' in methods:
        masks['convex_hull'] = _hulls(masks['visible'])
    counted = np.asarray(record['frame_counted'], bool)[valid]
    inside = {name: mask[valid] for name, mask in masks.items()}
    found = _score_object(inside, counted, protocols, methods)
    numbers = [int(record['frame_indices'][t]) for t in valid]
    for one in scores:
        one.numbers[place] = str(record['image_id']), numbers
        one.frames[place] = {
            (method, form): _apply_rule(score, frames.there[valid], method, missing)
            for (name, method, form), score in found.items()
            if name == one.protocol
        }
    return _Track(_hidden_share(masks, valid), frames.missing)


def _check_source(chosen: dict[str, ClipProtocol], visible_source: str, trivial: bool) -> None:
    if visible_source == 'gt':
        return
    needs = [name for name, one in chosen.items() if one.source == 'given']
    if needs or trivial:
        raise ValueError(
            f'{", ".join(needs) or "The trivial rows"} of clips whose visible masks are predicted '
            f'({visible_source}) need the masks of all objects that the model was given: evaluate '
            'them with VideoAmodalIoU (tools/test.py).'
        )


def _add_prediction(
    record: dict, masks: Masks, joined: Joined, place: int, missing: str, truth: Truth
) -> _Frames:
    """Adds the predicted masks; looks for frames without one, and for entries without a frame.

    Entries of frames that the object has not are surplus.
    """
    predictions = joined.objects[place]
    predicted = np.zeros_like(masks['amodal'])
    there = np.zeros(len(predicted), bool)
    numbers = [int(number) for number in record['frame_indices']]
    for t, number in enumerate(numbers):
        if number in predictions:
            predicted[t] = coco_mask.decode(predictions[number].amodal).view(np.bool_)
            there[t] = True
    masks[PREDICTION] = predicted
    known = set(numbers)
    joined.surplus += [one for number, one in predictions.items() if number not in known]
    seen = masks['visible'].any(axis=(1, 2))
    needed = np.asarray(record['frame_valid'], bool)
    needed = needed & (np.asarray(record['frame_counted'], bool) | seen)
    gone = np.flatnonzero(needed & ~there)
    if len(gone) and missing == 'stop':
        item = truth.objects[place]
        raise ValueError(
            f'Object {item.annotation_id!r} of video {item.image_id!r} has no prediction in '
            f'{len(gone)} frames, for example in frame {numbers[gone[0]]}.'
        )
    return _Frames(there | ~needed, len(gone))


def _hidden_share(masks: Masks, valid: NDArray[np.intp]) -> float:
    visible, amodal = (np.count_nonzero(masks[key][valid]) for key in ('visible', 'amodal'))
    return 1.0 - visible / amodal if amodal else 0.0


def _hulls(visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    hulls = [fill_convex_hull(frame.view(np.uint8)) for frame in visible]
    return np.stack(hulls).view(np.bool_)


def _score_object(
    masks: Masks,
    counted: NDArray[np.bool_],
    protocols: dict[str, ClipProtocol],
    methods: Sequence[str],
) -> dict[tuple[str, str, str], FrameScores]:
    """Scores one object: (protocol, method, form) -> scores of its frames."""
    stages = [method for method in methods if method != 'visible']
    regions = count_masks(masks, [*stages, 'visible'], protocols)
    found = {}
    for name, protocol in protocols.items():
        for method in methods:
            case = make_case(regions, name, protocol, method, counted)
            for form, region in predictions_by_form(case, protocol).items():
                found[name, method, form] = protocol.score(case, region)
    return found


def _apply_rule(
    scores: FrameScores, there: NDArray[np.bool_], method: str, missing: str
) -> FrameScores:
    """Lets frames without a prediction score 0, or leaves them out."""
    if method != PREDICTION or there.all():
        return scores
    if missing == 'skip':
        return scores._replace(
            counts_full=scores.counts_full & there,
            counts_occluded=scores.counts_occluded & there,
        )
    return scores._replace(
        full=np.where(there, scores.full, 0.0), occluded=np.where(there, scores.occluded, 0.0)
    )


def _drop_unknown_forms(scores: Sequence[ClipScores]) -> list[str]:
    """Keeps the forms that every object has."""
    notes = []
    for one in scores:
        kept = [
            form
            for form in one.forms
            if all((PREDICTION, form) in found for found in one.frames if found is not None)
        ]
        if not kept:
            raise ValueError(
                f'{one.protocol!r} needs to know which pixels show other objects, and '
                'this ground truth does not say.'
            )
        if kept != one.forms:
            notes.append(f'{one.protocol}: no post numbers, other objects are not known')
        one.forms = kept
    return notes
