"""What windows say about an object in a frame, and one mask out of several of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from c2fseg.evaluation.functional import mean_probability
from c2fseg.structures import AmodalDataSample, decode_mask, encode_mask, paste_masks


@dataclass
class Guess:
    """What one window says about an object in one frame.

    Attributes:
        weight: Trust in the window at this frame, positive.
        masks: RLE at image size by kind (``amodal``, and ``coarse`` of models that have it).
        crops: Probabilities (h, w) float16 by kind, inside the window ``box``. Small beside the
            picture, so that a clip of many objects fits into memory.
        box: (4,) xyxy px, end exclusive.
        score: Mean probability inside the amodal mask.
    """

    weight: float
    masks: dict[str, dict[str, Any]]
    crops: dict[str, torch.Tensor]
    box: np.ndarray
    score: float


def read_guesses(sample: AmodalDataSample, weights: Sequence[float] | np.ndarray) -> list[Guess]:
    """Take what is kept of a predicted clip.

    Args:
        sample: With ``pred_masks`` (T, H, W), ``pred_crop_masks`` (T, h, w) and ``crop_boxes``.
        weights: (T,), the trust in each frame.

    Returns:
        T guesses.
    """
    kinds = [name for name in ('amodal', 'coarse') if name in sample.pred_masks]
    whole = {name: getattr(sample.pred_masks, name).cpu().numpy() for name in kinds}
    crops = {name: getattr(sample.pred_crop_masks, name).cpu() for name in kinds}
    return [
        Guess(
            weight=float(weight),
            masks={name: encode_mask(whole[name][t]) for name in kinds},
            crops={name: crops[name][t].half() for name in kinds},
            box=np.asarray(sample.crop_boxes[t]),
            score=mean_probability(crops['amodal'][t]),
        )
        for t, weight in enumerate(weights)
    ]


def fuse(
    guesses: Sequence[Guess],
    image_size: tuple[int, int],
    threshold: float = 0.5,
    fuse_coarse: bool = False,
) -> tuple[dict[str, np.ndarray], float]:
    """Make one mask of each kind out of what several windows say about a frame.

    A mask that a single window made, or on which all agree, stays as it is. Where they differ, the
    weighted mean of their probabilities at image size decides. (Where all masks agree, so does that
    mean: it lies on the same side of the threshold as every probability that went into it.)

    Args:
        guesses: One or more, of the same kinds.
        image_size: (H, W).
        threshold: Probability above which a pixel belongs to the object.
        fuse_coarse: The amodal mask is the sum of refined and coarse probability, cut at the
            threshold, as in the model.

    Returns:
        Masks (H, W) bool by kind, and the weighted mean of the scores.
    """
    weights = np.array([guess.weight for guess in guesses], np.float64)
    weights /= weights.sum()
    score = float(np.dot(weights, [guess.score for guess in guesses]))
    found = {}
    for kind in guesses[0].masks:
        masks = [decode_mask(guess.masks[kind], *image_size).astype(bool) for guess in guesses]
        found[kind] = masks[0]
        differ = np.logical_or.reduce(masks) & ~np.logical_and.reduce(masks)
        if differ.any():
            names = ('amodal', 'coarse') if kind == 'amodal' and fuse_coarse else (kind,)
            mean = np.zeros(image_size, np.float64)
            for guess, weight in zip(guesses, weights):
                crops = torch.stack([guess.crops[name].float() for name in names])
                pasted = paste_masks(crops.sum(0, keepdim=True), guess.box[None], image_size)
                mean += weight * pasted[0].numpy()
            found[kind][differ] = mean[differ] > threshold
    return found, score
