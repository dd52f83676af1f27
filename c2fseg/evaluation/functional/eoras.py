"""The protocol of EoRaS (``eoras``): frames pooled, perfect occluded frames dropped.

V is what the model was given: the truth on MOVi, a prediction on KITTI.
"""

from __future__ import annotations

from c2fseg.evaluation.functional.c2f_video import whole_and_occluded
from c2fseg.evaluation.functional.clip_protocol import (
    ClipCase,
    ClipProtocol,
    paste_visible,
    ratio_float32,
)
from c2fseg.evaluation.functional.frame_scores import FrameScores
from c2fseg.evaluation.functional.region_counts import Region


def score_eoras(case: ClipCase, prediction: Region) -> FrameScores:
    """Scores the frames of one object, in float32 as published.

    - full = |P and A| / (|P or A| + 1e-6), over the frames with c_t = 1.
    - occluded = |P' and O| / (|P' or O| + 1e-6) with P' = P without V and O = A without V, over
      those of these frames whose occluded IoU is not exactly 1.

    Pasting concerns the full IoU alone: the published occluded IoU is the same with and without
    it, so it is taken of P as predicted in both forms.

    The dropped ones are frames that are right to the pixel (in float32 the 1e-6 vanishes beside
    32 pixels and more), not those without an occlusion, although the paper says that occluded
    objects are averaged: a frame with nothing hidden scores 0 and counts.

    Args:
        case: The masks, and c_t: the frames in which the object has a box, or a label.
        prediction: P, raw or after :func:`paste_visible`.

    Source: EoRaS, ICCV 2023, and the evaluation released with it.
    """
    full, _ = whole_and_occluded(case, prediction)
    _, part = whole_and_occluded(case, case.prediction)
    occluded = ratio_float32(part)
    return FrameScores(ratio_float32(full), occluded, case.counted, case.counted & (occluded != 1))


EORAS = ClipProtocol(score_eoras, paste_visible, 'frames', source='given', prediction_decides=True)
