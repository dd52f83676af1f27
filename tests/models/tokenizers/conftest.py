"""A tokenizer small enough to train in a test."""

from __future__ import annotations

import pytest
import torch

from tests.parity_helpers import ellipse

TINY = {
    'type': 'MaskAutoencoder',
    'mask_size': 32,
    'base_channels': 16,
    'channel_multipliers': (1, 2),
    'num_encoder_blocks': 1,
    'num_decoder_blocks': 1,
    'num_middle_blocks': 0,
    'latent_channels': 8,
    'codebook_size': 16,
    'patch_size': 2,
    'upsample': 'shuffle',
    'norm_groups': 4,
    'output_activation': 'sigmoid',
    'revive_every': 5,
}


@pytest.fixture
def tiny_autoencoder():
    """Config of a `MaskAutoencoder` for 32-px masks and 8 x 8 tokens."""
    return dict(TINY)


@pytest.fixture
def masks():
    """Four ellipses, (4, 1, 32, 32)."""
    shapes = [(16, 16, 10, 6, 0.3), (12, 18, 8, 9, 1.0), (20, 14, 5, 12, -0.5), (15, 15, 12, 4, 2)]
    return torch.stack([ellipse(*shape, size=(32, 32)) for shape in shapes])[:, None]
