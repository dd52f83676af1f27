"""Data sets: from an annotation file to one object at a time."""

from . import transforms
from .base_amodal_dataset import BaseAmodalDataset
from .fishbowl import FishbowlDataset
from .kins import KINSDataset
from .movid_a import MOViDADataset
from .sample_draw import SampleDraw

__all__ = [
    'BaseAmodalDataset',
    'FishbowlDataset',
    'KINSDataset',
    'MOViDADataset',
    'SampleDraw',
    'transforms',
]
