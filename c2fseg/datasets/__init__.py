"""Data sets: from an annotation file to one object at a time."""

from . import transforms
from .base_amodal_dataset import BaseAmodalDataset
from .coco_amodal import CocoAmodalDataset
from .cocoa import COCOADataset
from .d2sa import D2SADataset
from .fishbowl import FishbowlDataset
from .kins import KINSDataset
from .movid_a import MOViDADataset
from .sample_draw import SampleDraw

__all__ = [
    'BaseAmodalDataset',
    'COCOADataset',
    'CocoAmodalDataset',
    'D2SADataset',
    'FishbowlDataset',
    'KINSDataset',
    'MOViDADataset',
    'SampleDraw',
    'transforms',
]
