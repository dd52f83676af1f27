"""A C2FSeg of a few thousand parameters on crops of 32 px, and batches for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.structures import PixelData

import c2fseg.models  # noqa: F401  registers the components
from c2fseg.models.segmentors import C2FSeg
from c2fseg.registry import MODELS
from c2fseg.structures import AmodalDataSample

SIDE = 32
IMAGE = (40, 50)


def tiny_config(**changes: Any) -> dict:
    """Config of the model; ``changes`` replace top-level entries."""
    config = dict(
        type='C2FSeg',
        backbone=dict(type='LightEncoder', channels=(4, 6, 8, 10), blocks=(0, 0, 0, 1)),
        feature_channels=(4, 6, 8, 10),
        tokenizer=dict(
            type='MaskAutoencoder',
            mask_size=SIDE,
            base_channels=4,
            channel_multipliers=(1, 2),
            num_encoder_blocks=1,
            num_decoder_blocks=1,
            num_middle_blocks=0,
            latent_channels=4,
            codebook_size=16,
            patch_size=4,
            norm_groups=2,
            output_activation='sigmoid',
        ),
        transformer=dict(
            type='MaskedTransformer',
            feature_dims=8,
            visible_dims=4,
            amodal_dims=4,
            depth=2,
            num_heads=2,
            dropout=0.0,
        ),
        refiner=dict(type='ConvRefiner', feature_dims=5, channels=(8, 6, 4, 3), output_scale=1),
        decoder=dict(scheduler=dict(type='CosineMaskScheduler'), num_steps=3),
    )
    config.update(changes)
    return config


def tiny_model(**changes: Any) -> C2FSeg:
    """The model with fixed random weights, in training mode."""
    torch.manual_seed(0)
    return MODELS.build(tiny_config(**changes))


def tiny_batch(
    num_items: int = 3, num_frames: int = 1, with_gt: bool = True, scale: int = 1
) -> dict:
    """A batch as the collate function gives it; crops of ``scale`` * 32 px."""
    generator = torch.Generator().manual_seed(7)
    images, masks, samples = [], [], []
    for index in range(num_items):
        shape = (num_frames, 3, scale * SIDE, scale * SIDE)
        images.append(torch.randint(0, 256, shape, generator=generator).to(torch.uint8))
        amodal = torch.zeros(num_frames, SIDE, SIDE)
        amodal[:, 4 + index : 24, 6:26] = 1
        visible = amodal.clone()
        visible[:, :, 16:] = 0
        amodal, visible = (
            m.repeat_interleave(scale, 1).repeat_interleave(scale, 2) for m in (amodal, visible)
        )
        masks.append(visible.unsqueeze(1))
        sample = AmodalDataSample(
            metainfo=dict(
                sample_id=f'{index}_{index + 100}',
                crop_boxes=np.array([[-4 + index, 3, 31, 38]] * num_frames),
                ori_shape=IMAGE,
            )
        )
        if with_gt:
            sample.gt_crop_masks = PixelData(visible=visible, amodal=amodal)
        samples.append(sample)
    return dict(inputs=dict(img=images, visible_mask=masks), data_samples=samples)


def run_loss(model: C2FSeg, batch: dict) -> dict[str, torch.Tensor]:
    """Losses of a collated batch."""
    return model(**model.data_preprocessor(batch, True), mode='loss')
