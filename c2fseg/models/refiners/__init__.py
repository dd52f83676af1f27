"""Refinement of coarse masks with image features."""

from c2fseg.models.refiners.conv_refiner import ConvRefiner
from c2fseg.models.refiners.mask_guided_attention import mask_guided_attention
from c2fseg.models.refiners.subpixel_refiner import SubpixelRefiner

__all__ = ['ConvRefiner', 'SubpixelRefiner', 'mask_guided_attention']
