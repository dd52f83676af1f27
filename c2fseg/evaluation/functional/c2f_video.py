"""The video protocol of C2F-Seg, as published (``c2f-video``) and corrected (``c2f-video-strict``).

With P the prediction, A the amodal truth, V the true visible mask, O = A without V, and L the
pixels where no other object is visible (background and the object's own visible pixels). Every
frame is scored by itself; the frames of an object are averaged, then the objects. Numbers of the
two forms are not comparable.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.frame_scores import Flags, FrameScores, Values
from c2fseg.evaluation.functional.region_counts import ClipRegionCounts, Region

EPS = np.float32(1e-6)  # below the fraction only: two empty masks score 0


class _Overlap(NamedTuple):
    both: NDArray[np.int64]
    either: NDArray[np.int64]


def paste_visible(regions: ClipRegionCounts, prediction: Region) -> Region:
    """Returns the post-processed prediction: P where another object is visible, V elsewhere.

    It is [P (1 - L) + V L > 0.5], and takes from the truth the visible masks of all objects.

    Args:
        regions: Counts of masks, with ``visible`` (V) and ``others`` (not L) among them.
        prediction: P.
    """
    others = regions['others']
    return prediction & others | regions['visible'] & ~others


def score_c2f_video(regions: ClipRegionCounts, prediction: Region, counted: Flags) -> FrameScores:
    """Scores the frames of one object by the published evaluation, in float32 as published.

    - full = |P and A| / (|P or A| + 1e-6).
    - occluded = |P' and O| / (|P' or O| + 1e-6) with P' = P without V.
    - Every frame with c_t = 1 counts for both: one with nothing hidden has an occluded score of 0,
      and where P and A are empty the full score is 0.

    Args:
        regions: Counts of the masks ``amodal`` and ``visible`` (true ones), and of those that
            ``prediction`` is made of.
        prediction: P, raw or after :func:`paste_visible`.
        counted: c_t, ``(T,)`` bool.

    Returns:
        FrameScores: Of all T frames.

    Source: C2F-Seg, ICCV 2023, section 4, and the evaluation released with it.
    """
    full, occluded = _overlaps(regions, prediction)
    return FrameScores(_smoothed(full), _smoothed(occluded), counted, counted)


def score_c2f_video_strict(
    regions: ClipRegionCounts, prediction: Region, counted: Flags
) -> FrameScores:
    """Scores the frames of one object by the corrected form: only frames that ask the question.

    - full = |P and A| / |P or A| and 1 where both are empty, over the frames with a nonempty V.
    - occluded = |P' and O| / |P' or O| with P' = P without V, over the frames with a nonempty V
      and a nonempty O.

    Frames in which the object is fully hidden have a row of their own and are not counted here.

    Args:
        regions: Counts of the masks ``amodal`` and ``visible`` (true ones), and of those that
            ``prediction`` is made of.
        prediction: P, raw or after :func:`paste_visible`.
        counted: Changes nothing here: the masks decide.

    Returns:
        FrameScores: Of all T frames, in double precision; those not counted have a score too.
    """
    del counted  # part of the signature that all protocols share
    full, occluded = _overlaps(regions, prediction)
    seen = regions.areas(regions['visible']) > 0
    hidden = regions.areas(regions['amodal'] & ~regions['visible']) > 0
    return FrameScores(_plain(full), _plain(occluded), seen, seen & hidden)


def hidden_shares(regions: ClipRegionCounts) -> Values:
    """Returns 1 - |V| / |A| of each frame, ``(T,)``; NaN where A is empty."""
    amodal = regions.areas(regions['amodal'])
    visible = regions.areas(regions['visible'])
    shares = np.full(len(amodal), np.nan)
    np.divide(visible, amodal, out=shares, where=amodal > 0)
    return 1.0 - shares


def _overlaps(regions: ClipRegionCounts, prediction: Region) -> tuple[_Overlap, _Overlap]:
    """Returns the overlaps of the whole masks and of their parts outside V."""
    amodal, outside = regions['amodal'], ~regions['visible']
    both, either = prediction & amodal, prediction | amodal
    whole = _Overlap(regions.areas(both), regions.areas(either))
    return whole, _Overlap(regions.areas(both & outside), regions.areas(either & outside))


def _smoothed(overlap: _Overlap) -> Values:
    ratio = overlap.both.astype(np.float32) / (overlap.either.astype(np.float32) + EPS)
    return ratio.astype(np.float64)


def _plain(overlap: _Overlap) -> Values:
    ratio = np.ones(len(overlap.either))
    return np.divide(overlap.both, overlap.either, out=ratio, where=overlap.either > 0)
