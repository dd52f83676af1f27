"""The KINS-car protocol of SaVos (``savos-kins-car``): visible masks are predicted.

There the visible masks are predicted, and so is X, the pixels where another object is visible.
The prediction is always post-processed with these, which takes nothing from the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from c2fseg.evaluation.functional.clip_protocol import ClipCase, ClipProtocol, paste_visible
from c2fseg.evaluation.functional.frame_scores import FrameScores
from c2fseg.evaluation.functional.region_counts import Region
from c2fseg.evaluation.functional.savos import smoothed_ratio

MATCH_IOU = 0.5  # of visible masks; at least so much makes a prediction and a label one object


def score_savos_kins_car(case: ClipCase, prediction: Region) -> FrameScores:
    """Scores one object in its labelled frames.

    With X the pixels of other predicted visible masks and P' = P inside X, the given V outside:

    - full = (|P' and A| + 1e-6) / (|P' or A| + 1e-6), over the frames with c_t = 1 where it is
      not exactly 1.
    - occluded = (|P and A, in X| + 1e-6) / (|P or A, in X| + 1e-6), likewise: two empty sets
      score 1 and are dropped, and so is every perfect frame.

    Args:
        case: The masks, with V and the others as given to the model, and c_t: labelled frames.
        prediction: P, raw or after :func:`paste_visible`: pasting twice changes nothing.

    Source: SaVos, NeurIPS 2022, and the evaluation released with it.
    """
    assert case.others is not None, 'the protocol requires the other objects'
    pasted = paste_visible(case._replace(prediction=prediction))
    full = smoothed_ratio(case.regions, pasted, case.amodal)
    occluded = smoothed_ratio(case.regions, pasted & case.others, case.amodal & case.others)
    return FrameScores(full, occluded, case.counted & (full != 1), case.counted & (occluded != 1))


def other_objects(visible: NDArray) -> NDArray[np.bool_]:
    """Returns X of every object of an image: the pixels in which any other object is visible.

    Args:
        visible: Visible masks of all objects, ``(n, H, W)`` bool or 0/1.
    """
    visible = np.asarray(visible) > 0
    covered = visible.sum(axis=0)  # (H, W)
    return covered - visible > 0


def match_by_visible_iou(
    predicted: NDArray, true: NDArray, threshold: float = MATCH_IOU
) -> list[tuple[int, int]]:
    """Matches the predicted objects of a frame to the labelled ones.

    Among the pairs whose visible masks have an IoU of at least ``threshold``, those are taken
    that together have the most IoU, no object twice. What stays unmatched is left out of the
    protocol, predictions and labels alike.

    Args:
        predicted: Predicted visible masks, ``(m, H, W)`` bool or 0/1.
        true: True visible masks, ``(n, H, W)``.
        threshold: Least IoU of a pair, in (0, 1].

    Returns:
        list: (predicted, true) positions, in the order of the predictions.

    Raises:
        ValueError: The masks are not of one image size.
    """
    predicted, true = np.asarray(predicted) > 0, np.asarray(true) > 0
    if predicted.ndim != 3 or true.ndim != 3 or predicted.shape[1:] != true.shape[1:]:
        raise ValueError(
            'Visible masks to match must be (m, H, W) and (n, H, W) of one size, got shapes '
            f'{predicted.shape} and {true.shape}.'
        )
    first, second = predicted.astype(np.float64), true.astype(np.float64)
    both = np.tensordot(first, second, axes=((1, 2), (1, 2)))  # (m, n)
    either = first.sum((1, 2))[:, None] + second.sum((1, 2)) - both
    iou = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    iou[iou < threshold] = 0
    rows, columns = linear_sum_assignment(iou, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns) if iou[i, j] > 0]


SAVOS_KINS_CAR = ClipProtocol(
    score_savos_kins_car,
    paste_visible,
    'video frames',
    forms=('post',),
    source='given',
    prediction_decides=True,
)
