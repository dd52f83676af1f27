"""Reading the several masks of an object that metrics score beside the plain one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from c2fseg.evaluation.metrics.sample_fields import THRESHOLD, sample_name
from c2fseg.structures import paste_masks
from c2fseg.utils.data_errors import DataValueError

FIELDS = ('masks', 'crops', 'scores')


def hypothesis_field(sample: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns ``pred_hypotheses`` of a sample, None where it has a single mask.

    Raises:
        ValueError: A part is missing.
    """
    found = sample.get('pred_hypotheses')
    if found is None:
        return None
    missing = [name for name in FIELDS if name not in found]
    if missing:
        raise DataValueError(
            f'Sample {sample_name(sample)!r}: pred_hypotheses needs {FIELDS}, it lacks {missing}.'
        )
    return found


def mean_crops(found: Mapping[str, Any]) -> torch.Tensor:
    """Returns the mean of the probabilities, weighted by confidence, ``(T, h, w)`` on the CPU."""
    crops, scores = (torch.as_tensor(found[name]).float() for name in ('crops', 'scores'))
    return torch.einsum('n,nthw->thw', scores, crops).clamp(0, 1).cpu()


def hypothesis_masks(
    sample: Mapping[str, Any], found: Mapping[str, Any]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns the masks ``(n, T, H, W)`` and the mask of their mean ``(T, H, W)``."""
    masks = torch.as_tensor(found['masks']).cpu().numpy() > THRESHOLD
    size = (masks.shape[2], masks.shape[3])
    boxes = np.asarray(sample['crop_boxes'])
    return masks, paste_masks(mean_crops(found), boxes, size, THRESHOLD).numpy()
