"""From a predicted sample to what the inferencer returns for an object."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from c2fseg.evaluation.functional import mean_probability
from c2fseg.structures import AmodalDataSample, encode_mask, masks_to_boxes, paste_masks
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
        The result, and what is drawn of it. Where the sample has ``pred_hypotheses``, the result
        has ``hypotheses`` and ``uncertainty`` and, with ``return_arrays``, ``probability``; see
        :func:`hypothesis_results`.
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
    rate = float(1 - np.count_nonzero(given) / whole)
    result: dict[str, Any] = dict(info)
    result.update(
        score=mean_probability(sample.pred_crop_masks.amodal[0]),
        box=masks_to_boxes(amodal).tolist(),
        occlusion_rate=rate,
    )
    result.update({f'{name}_rle': encode_mask(mask) for name, mask in masks.items()})
    if return_arrays:
        result.update({f'{name}_mask': mask for name, mask in masks.items()})
    if 'pred_hypotheses' in sample:
        result.update(hypothesis_results(sample, given, return_arrays, post_process))
    title = f'{info.get("category", "")} {100 * rate:.0f}% hidden'.strip()
    return result, PanelObject(given, amodal, masks.get('coarse'), title=title)


def hypothesis_results(
    sample: AmodalDataSample, given: np.ndarray, return_arrays: bool, post_process: bool
) -> dict[str, Any]:
    """Collect the several masks of an object of one picture.

    Masks that are equal pixel by pixel are one entry with the sum of their confidences: an object
    that is seen whole often has a single one.

    Args:
        sample: With ``pred_hypotheses``.
        given: (H, W) bool, the visible mask that was given.
        return_arrays: Include the masks and the probability as arrays.
        post_process: Add the visible part to the masks, and to the probability as 1.

    Returns:
        ``hypotheses``, the most trusted first: ``amodal_rle``, ``score`` (confidence, sums to 1)
        and, with ``return_arrays``, ``amodal_mask`` (H, W) bool. ``uncertainty`` in [0, 1]. With
        ``return_arrays`` ``probability`` (H, W) float32: the mean of the probabilities of all
        hypotheses, weighted by confidence.
    """
    found = sample.pred_hypotheses
    scores: dict[bytes, float] = {}
    masks: dict[bytes, np.ndarray] = {}
    confidences = found.scores.double().cpu()
    confidences = (confidences / confidences.sum()).tolist()
    for mask, score in zip(found.masks[:, 0].cpu().numpy(), confidences, strict=True):
        mask = mask | given if post_process else mask
        key = np.packbits(mask).tobytes()
        masks[key] = mask
        scores[key] = scores.get(key, 0.0) + score
    entries = []
    for key in sorted(scores, key=lambda key: -scores[key]):  # of equal ones the earlier first
        entry = {'amodal_rle': encode_mask(masks[key]), 'score': scores[key]}
        if return_arrays:
            entry['amodal_mask'] = masks[key]
        entries.append(entry)
    result: dict[str, Any] = {'hypotheses': entries, 'uncertainty': found.uncertainty}
    if return_arrays:
        crop = torch.einsum('n,nhw->hw', found.scores.float(), found.crops[:, 0].float())
        pasted = paste_masks(crop[None].cpu(), sample.crop_boxes[:1], tuple(sample.ori_shape))
        probability = pasted[0].clamp(0, 1).numpy()
        result['probability'] = (
            np.where(given, np.float32(1), probability) if post_process else probability
        )
    return result
