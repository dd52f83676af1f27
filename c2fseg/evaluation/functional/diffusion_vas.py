"""The protocol of Diffusion-VAS (``diffusion-vas``): V is united with P, occluded parts are eroded.

V is slightly smaller than A even where nothing hides it. So both occluded parts are eroded, and
frames with hardly any overlap of them are left out: empty ones and complete failures alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.clip_protocol import ClipCase, ClipProtocol, overlap
from c2fseg.evaluation.functional.frame_scores import FrameScores, Values, track_means
from c2fseg.evaluation.functional.region_counts import Region

EPS = 1e-6  # below the fractions; and frames with a lower occluded IoU are left out
KERNEL = np.ones((5, 5), np.uint8)


def score_diffusion_vas(case: ClipCase, prediction: Region) -> FrameScores:
    """Scores the frames of one object.

    With P' from :func:`unite_visible`:

    - full = |P' and A| / (|P' or A| + 1e-6), over the frames with c_t = 1.
    - occluded = |E(P' without V) and E(O)| / (|E(P' without V) or E(O)| + 1e-6), with O = A
      without V and E an erosion by 5 x 5 pixels; over those of these frames where it is at least
      1e-6.

    Args:
        case: The masks, with eroded parts, and c_t.
        prediction: P, raw or united with V: uniting twice changes nothing.

    Source: Diffusion-VAS, CVPR 2025, and the evaluation released with it.
    """
    assert case.predicted_part is not None, 'the protocol has a part function'
    assert case.true_part is not None, 'the protocol has a part function'
    full = overlap(case.regions, prediction | case.visible, case.amodal)
    part = overlap(case.regions, case.predicted_part, case.true_part)
    occluded: Values = part.both / (part.either + EPS)
    return FrameScores(
        full.both / (full.either + EPS), occluded, case.counted, case.counted & (occluded >= EPS)
    )


def unite_visible(case: ClipCase) -> Region:
    """Returns the post-processed prediction P or V."""
    return case.prediction | case.visible


def eroded_part(mask: NDArray[np.bool_], visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns a mask without V, eroded once by 5 x 5 pixels.

    The border of the image erodes nothing.

    Args:
        mask: P or A, ``(T, H, W)`` bool.
        visible: V, the same shape.
    """
    part = (np.asarray(mask) > 0) & ~(np.asarray(visible) > 0)
    eroded = np.zeros_like(part)
    for t in np.flatnonzero(part.any(axis=(1, 2))):
        eroded[t] = cv2.erode(part[t].view(np.uint8), KERNEL) > 0
    return eroded


def best_sample(samples: Sequence[FrameScores]) -> int:
    """Returns which of K samples of one clip is the best against the truth (Top-K).

    A sample is taken whole, by the mean full IoU of its counted frames. It is a choice that only
    someone with the truth can make: report it as best of K, never as a plain number.

    Args:
        samples: Scores of the same clip, one for each sample.

    Raises:
        ValueError: There is no sample, or none of them has a counted frame.
    """
    means = np.array([track_means(scores)[0] for scores in samples])
    if not len(means) or np.isnan(means).all():
        raise ValueError('The best of K samples needs samples with counted frames, got none.')
    return int(np.nanargmax(means))


DIFFUSION_VAS = ClipProtocol(
    score_diffusion_vas,
    unite_visible,
    'frames',
    forms=('post',),
    needs_others=False,
    part=eroded_part,
    prediction_decides=True,
)
