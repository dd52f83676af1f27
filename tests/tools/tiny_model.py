"""A config of a model of stage 2 that is built and run in an instant."""

from __future__ import annotations

from pathlib import Path

import torch

TINY_CONFIG = """
default_scope = 'c2fseg'
model = dict(
    type='C2FSeg',
    backbone=dict(type='LightEncoder'),
    tokenizer=dict(
        type='MaskAutoencoder',
        mask_size=128,
        base_channels=8,
        channel_multipliers=(1, 1),
        num_encoder_blocks=1,
        num_decoder_blocks=1,
        num_middle_blocks=1,
        latent_channels=8,
        codebook_size=16,
        patch_size=4,
        norm_groups=4,
    ),
    transformer=dict(
        type='MaskedTransformer',
        feature_dims=16,
        visible_dims=8,
        amodal_dims=8,
        depth=1,
        num_heads=2,
    ),
    refiner=dict(type='ConvRefiner', feature_dims=8, channels=(8, 8, 8, 8)),
    decoder=dict(scheduler=dict(type='CosineMaskScheduler'), num_steps=2),
    feature_channels=CHANNELS,
)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='CropObject', crop_size=128),
            dict(type='PackAmodalInputs'),
        ]
    )
)
"""


def write_tiny_config(path: Path) -> Path:
    """Writes the config and returns its path."""
    from c2fseg.models.backbones import LightEncoder

    with torch.no_grad():
        channels = tuple(x.shape[1] for x in LightEncoder().eval()(torch.zeros(1, 3, 128, 128)))
    path.write_text(TINY_CONFIG.replace('CHANNELS', repr(channels)))
    return path
