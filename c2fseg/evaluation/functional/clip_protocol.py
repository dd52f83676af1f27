"""What an evaluation protocol for clips consists of, and the sets of pixels that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.frame_scores import Flags, FrameScores, Values
from c2fseg.evaluation.functional.region_counts import (
    ClipRegionCounts,
    Region,
    check_clip_masks,
)

EPS = np.float32(1e-6)  # below the fraction only: two empty masks score 0
CONTEXT = ('others', 'given_others')  # masks of other objects: they divide regions only

Masks = Mapping[str, NDArray[np.bool_]]
Parts = Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]]


class Overlap(NamedTuple):
    """Pixels of an intersection and of a union in each frame, ``(T,)``."""

    both: NDArray[np.int64]
    either: NDArray[np.int64]


class ClipCase(NamedTuple):
    """What a protocol sees of one object in T frames.

    Attributes:
        regions: Counts of all masks that the regions below are made of.
        prediction: P, as predicted.
        amodal: A.
        visible: V as the protocol wants it: the truth, or what the model was given.
        others: Pixels where another object is visible (not L); ``None`` where unknown.
        predicted_part: The predicted occluded part, where the protocol makes it from the masks.
        true_part: The true occluded part, likewise.
        counted: c_t, ``(T,)`` bool: the frames that count.
    """

    regions: ClipRegionCounts
    prediction: Region
    amodal: Region
    visible: Region
    others: Region | None
    predicted_part: Region | None
    true_part: Region | None
    counted: Flags


class ClipProtocol(NamedTuple):
    """A named way to score clips.

    Attributes:
        score: Scores the frames of one object: (case, P raw or post-processed) -> scores.
        paste: Returns the post-processed prediction of a case.
        averaging: ``'tracks'``: the counted frames of a track, then the tracks; ``'frames'``: all
            counted frames pooled; ``'video frames'``: the objects of each (video, frame), then
            all of these.
        forms: ``'raw'`` (P) and ``'post'`` (after ``paste``), or one of them.
        needs_others: Whether ``paste`` needs to know where other objects are visible.
        source: Whether V and the other objects are the truth or ``'given'``: the masks that the
            model was given, which are the truth unless they are predicted.
        part: Makes the occluded part of a mask from (mask, V), where set arithmetic cannot.
        prediction_decides: Whether which frames count depends on the prediction.
    """

    score: Callable[[ClipCase, Region], FrameScores]
    paste: Callable[[ClipCase], Region]
    averaging: Literal['tracks', 'frames', 'video frames']
    forms: tuple[str, ...] = ('raw', 'post')
    needs_others: bool = True
    source: Literal['truth', 'given'] = 'truth'
    part: Parts | None = None
    prediction_decides: bool = False

    @property
    def always_post(self) -> bool:
        """Whether the protocol knows no raw numbers."""
        return 'raw' not in self.forms

    @property
    def requires_others(self) -> bool:
        """Whether nothing can be scored without the pixels of other objects."""
        return self.always_post and self.needs_others


def count_masks(
    masks: Masks, stages: Iterable[str], protocols: Mapping[str, ClipProtocol]
) -> ClipRegionCounts:
    """Counts the masks of one object in T frames, with the parts that the protocols make of them.

    Args:
        masks: ``amodal``, ``visible`` (true ones), one mask for each stage, and where they are
            known ``others``, ``given`` and ``given_others``: ``(T, H, W)`` bool.
        stages: Names of the predicted masks.
        protocols: By name; those that are going to be scored.

    Raises:
        ValueError: Masks of different shapes, not ``(T, H, W)``, or not binary.
    """
    check_clip_masks(masks)
    own = {name: mask for name, mask in masks.items() if name not in CONTEXT}
    for name, protocol in protocols.items():
        if protocol.part is not None:
            visible = masks[_visible_name(protocol, masks)]
            for key in ('amodal', *stages):
                own[f'{name}/{key}'] = protocol.part(masks[key], visible)
    return ClipRegionCounts(own, {name: masks[name] for name in CONTEXT if name in masks})


def make_case(
    regions: ClipRegionCounts, name: str, protocol: ClipProtocol, stage: str, counted: Flags
) -> ClipCase:
    """Returns what a protocol sees of the counted masks.

    Args:
        regions: From :func:`count_masks`.
        name: Name of the protocol.
        protocol: The protocol.
        stage: Name of the predicted mask.
        counted: c_t, ``(T,)`` bool.
    """
    others = 'others'
    if protocol.source == 'given' and 'given' in regions:
        others = 'given_others'
    has_part = protocol.part is not None
    return ClipCase(
        regions,
        regions[stage],
        regions['amodal'],
        regions[_visible_name(protocol, regions)],
        regions.get(others),
        regions[f'{name}/{stage}'] if has_part else None,
        regions[f'{name}/amodal'] if has_part else None,
        counted,
    )


def predictions_by_form(case: ClipCase, protocol: ClipProtocol) -> dict[str, Region]:
    """Returns P for each form that the protocol knows and the masks allow."""
    found = {'raw': case.prediction} if 'raw' in protocol.forms else {}
    if 'post' in protocol.forms and (case.others is not None or not protocol.needs_others):
        found['post'] = protocol.paste(case)
    return found


def paste_visible(case: ClipCase) -> Region:
    """Returns the post-processed prediction: P where another object is visible, V elsewhere.

    It is [P (1 - L) + V L > 0.5], and where V is the truth it takes from the truth the visible
    masks of all objects.
    """
    assert case.others is not None, 'whoever pastes knows where other objects are visible'
    return case.prediction & case.others | case.visible & ~case.others


def overlap(regions: ClipRegionCounts, first: Region, second: Region) -> Overlap:
    """Counts the intersection and the union of two regions in each frame."""
    return Overlap(regions.areas(first & second), regions.areas(first | second))


def ratio_float32(sizes: Overlap) -> Values:
    """Returns both / (either + 1e-6) in float32, as published; 0 where both are empty."""
    ratio = sizes.both.astype(np.float32) / (sizes.either.astype(np.float32) + EPS)
    return ratio.astype(np.float64)


def _visible_name(protocol: ClipProtocol, known: Masks | ClipRegionCounts) -> str:
    return 'given' if protocol.source == 'given' and 'given' in known else 'visible'
