"""The video protocol of C2F-Seg, as published (``c2f-video``) and corrected (``c2f-video-strict``).

With P the prediction, A the amodal truth, V the true visible mask, O = A without V, and L the
pixels where no other object is visible (background and the object's own visible pixels). Every
frame is scored by itself; the frames of an object are averaged, then the objects. Numbers of the
two forms are not comparable.
"""

from __future__ import annotations

import numpy as np

from c2fseg.evaluation.functional.clip_protocol import (
    ClipCase,
    ClipProtocol,
    Overlap,
    overlap,
    paste_visible,
    ratio_float32,
)
from c2fseg.evaluation.functional.frame_scores import FrameScores, Values
from c2fseg.evaluation.functional.region_counts import ClipRegionCounts, Region


def score_c2f_video(case: ClipCase, prediction: Region) -> FrameScores:
    """Scores the frames of one object by the published evaluation, in float32 as published.

    - full = |P and A| / (|P or A| + 1e-6).
    - occluded = |P' and O| / (|P' or O| + 1e-6) with P' = P without V.
    - Every frame with c_t = 1 counts for both: one with nothing hidden has an occluded score of 0,
      and where P and A are empty the full score is 0.

    Args:
        case: The masks, and c_t.
        prediction: P, raw or after :func:`paste_visible`.

    Returns:
        FrameScores: Of all T frames.

    Source: C2F-Seg, ICCV 2023, section 4, and the evaluation released with it.
    """
    full, occluded = (ratio_float32(sizes) for sizes in whole_and_occluded(case, prediction))
    return FrameScores(full, occluded, case.counted, case.counted)


def score_c2f_video_strict(case: ClipCase, prediction: Region) -> FrameScores:
    """Scores the frames of one object by the corrected form: only frames that ask the question.

    - full = |P and A| / |P or A| and 1 where both are empty, over the frames with a nonempty V.
    - occluded = |P' and O| / |P' or O| with P' = P without V, over the frames with a nonempty V
      and a nonempty O.

    Frames in which the object is fully hidden have a row of their own and are not counted here.
    The masks decide which frames count, c_t does not.

    Args:
        case: The masks.
        prediction: P, raw or after :func:`paste_visible`.

    Returns:
        FrameScores: Of all T frames, in double precision; those not counted have a score too.
    """
    full, occluded = (_plain(sizes) for sizes in whole_and_occluded(case, prediction))
    seen = case.regions.areas(case.visible) > 0
    hidden = case.regions.areas(case.amodal & ~case.visible) > 0
    return FrameScores(full, occluded, seen, seen & hidden)


def hidden_shares(regions: ClipRegionCounts) -> Values:
    """Returns 1 - |V| / |A| of each frame, ``(T,)``; NaN where A is empty."""
    amodal = regions.areas(regions['amodal'])
    visible = regions.areas(regions['visible'])
    shares = np.full(len(amodal), np.nan)
    np.divide(visible, amodal, out=shares, where=amodal > 0)
    return 1.0 - shares


def whole_and_occluded(case: ClipCase, prediction: Region) -> tuple[Overlap, Overlap]:
    """Returns the overlaps of the whole masks and of their parts outside V."""
    outside = ~case.visible
    return (
        overlap(case.regions, prediction, case.amodal),
        overlap(case.regions, prediction & outside, case.amodal & outside),
    )


def _plain(sizes: Overlap) -> Values:
    ratio = np.ones(len(sizes.either))
    return np.divide(sizes.both, sizes.either, out=ratio, where=sizes.either > 0)


C2F_VIDEO = ClipProtocol(score_c2f_video, paste_visible, 'tracks')
C2F_VIDEO_STRICT = ClipProtocol(score_c2f_video_strict, paste_visible, 'tracks')
