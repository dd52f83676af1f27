"""Masked transformers over mask tokens, and the blocks they are made of."""

from c2fseg.models.transformers.masked_transformer import MaskedTransformer
from c2fseg.models.transformers.spatial_block import SpatialBlock

__all__ = ['MaskedTransformer', 'SpatialBlock']
