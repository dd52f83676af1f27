"""Masks of the tests of scores: images and frames of one line, drawn as text, and samples."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import PixelData

from c2fseg.structures import AmodalDataSample


def clip(*lines: str) -> np.ndarray:
    """('##..', '.##.') -> (2, 1, 4) bool: one line of pixels for each frame."""
    return np.array([[[character == '#' for character in line]] for line in lines])


def make_sample(
    number: int,
    amodal: np.ndarray,
    visible: np.ndarray,
    refined: np.ndarray,
    coarse: np.ndarray | None = None,
    others: np.ndarray | None = None,
    **meta,
) -> dict:
    """A track as the metric receives it; all masks (T, H, W) bool."""
    frames = len(amodal)
    sample = AmodalDataSample(
        metainfo={
            'sample_id': f'v_{number}',
            'image_id': 'v',
            'annotation_id': np.int64(number),
            'category_id': 3,
            'frame_valid': np.ones(frames, bool),
            'frame_counted': np.ones(frames, bool),
            'frame_indices': np.arange(frames),
        }
    )
    sample.set_metainfo(meta)
    tensor = torch.from_numpy
    sample.gt_masks = PixelData(visible=tensor(visible), amodal=tensor(amodal))
    if others is not None:
        sample.gt_masks.evaluable = tensor(~others)
    sample.pred_masks = PixelData(visible=tensor(visible), amodal=tensor(refined))
    sample.pred_crop_masks = PixelData(amodal=torch.where(tensor(refined), 0.75, 0.25))
    if coarse is not None:
        sample.pred_masks.coarse = tensor(coarse)
    return sample.to_dict()
