"""The models: importing this package registers every component under it."""

from __future__ import annotations

from c2fseg.models import (
    backbones,
    data_preprocessors,
    decoding,
    losses,
    prompting,
    refiners,
    segmentors,
    tokenizers,
    transformers,
)
from c2fseg.utils import torchvision_weights  # takes over 'torchvision://'

__all__ = [
    'backbones',
    'data_preprocessors',
    'decoding',
    'losses',
    'prompting',
    'refiners',
    'segmentors',
    'tokenizers',
    'torchvision_weights',
    'transformers',
]
