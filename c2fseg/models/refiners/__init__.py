"""Refinement of coarse masks with image features."""

from c2fseg.models.refiners.conv_refiner import ConvRefiner
from c2fseg.models.refiners.mask_guided_attention import mask_guided_attention

__all__ = ['ConvRefiner', 'mask_guided_attention']
