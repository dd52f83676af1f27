"""Masked transformers over mask tokens, and the blocks they are made of."""

from c2fseg.models.transformers.clip_layout import ClipLayout
from c2fseg.models.transformers.masked_transformer import MaskedTransformer
from c2fseg.models.transformers.spatial_block import SpatialBlock
from c2fseg.models.transformers.spatio_temporal_block import SpatioTemporalBlock

__all__ = ['ClipLayout', 'MaskedTransformer', 'SpatialBlock', 'SpatioTemporalBlock']
