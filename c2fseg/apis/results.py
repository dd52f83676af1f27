"""From a predicted sample to what the inferencer returns for an object."""

from __future__ import annotations

from typing import Any

import numpy as np

from c2fseg.evaluation.functional import mean_probability
from c2fseg.structures import AmodalDataSample, encode_mask, masks_to_boxes
from c2fseg.visualization import PanelObject


def object_result(
    sample: AmodalDataSample,
    visible: np.ndarray,
    info: dict[str, Any],
    return_arrays: bool = True,
    post_process: bool = False,
) -> tuple[dict[str, Any], PanelObject]:
    """Collect the result of an object of one picture (T = 1).

    Args:
        sample: With ``pred_masks`` (1, H, W) and ``pred_crop_masks`` (1, h, w).
        visible: (H, W), the visible mask that was given.
        info: What is known of the object beside its mask.
        return_arrays: Include the masks as arrays.
        post_process: Add the visible part to the predicted masks.

    Returns:
        The result, and what is drawn of it.
    """
    given = visible.astype(bool)
    found = {name: mask[0].cpu().numpy().astype(bool) for name, mask in sample.pred_masks.items()}
    masks = {'visible': given, 'amodal': found['amodal']}
    if 'coarse' in found:
        masks['coarse'] = found['coarse']
    if post_process:
        masks = {name: mask | given for name, mask in masks.items()}
    amodal = masks['amodal']
    whole = np.count_nonzero(amodal | given)
    rate = 1 - np.count_nonzero(given) / whole
    result: dict[str, Any] = dict(info)
    result.update(
        score=mean_probability(sample.pred_crop_masks.amodal[0]),
        box=masks_to_boxes(amodal).tolist(),
        occlusion_rate=rate,
    )
    result.update({f'{name}_rle': encode_mask(mask) for name, mask in masks.items()})
    if return_arrays:
        result.update({f'{name}_mask': mask for name, mask in masks.items()})
    title = f'{info.get("category", "")} {100 * rate:.0f}% hidden'.strip()
    return result, PanelObject(given, amodal, masks.get('coarse'), title=title)
