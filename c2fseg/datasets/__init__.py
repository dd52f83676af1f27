"""Data sets: from an annotation file to one object at a time."""

from . import transforms
from .base_amodal_dataset import BaseAmodalDataset
from .coco_amodal import CocoAmodalDataset
from .coco_instances import CocoInstanceDataset
from .cocoa import COCOADataset
from .cocoa_lists import COCOAListDataset
from .d2sa import D2SADataset
from .fishbowl import FishbowlDataset
from .kins import KINSDataset
from .kins_lists import KINSListDataset
from .mixed_dataset import MixedDataset
from .movid_a import MOViDADataset
from .sample_draw import SampleDraw

__all__ = [
    'BaseAmodalDataset',
    'COCOADataset',
    'COCOAListDataset',
    'CocoAmodalDataset',
    'CocoInstanceDataset',
    'D2SADataset',
    'FishbowlDataset',
    'KINSDataset',
    'KINSListDataset',
    'MOViDADataset',
    'MixedDataset',
    'SampleDraw',
    'transforms',
]
