"""Stage 1: the mask tokenizer, its trainer and its discriminator."""

from __future__ import annotations

from .mask_autoencoder import AutoencoderOutput, MaskAutoencoder
from .mask_vqgan import MaskVQGAN
from .patch_discriminator import PatchDiscriminator
from .vector_quantizer import VectorQuantizer

__all__ = [
    'AutoencoderOutput',
    'MaskAutoencoder',
    'MaskVQGAN',
    'PatchDiscriminator',
    'VectorQuantizer',
]
