"""Data sets: from an annotation file to one object at a time."""

from . import transforms
from .base_amodal_dataset import BaseAmodalDataset
from .kins import KINSDataset
from .movid_a import MOViDADataset
from .sample_draw import SampleDraw

__all__ = ['BaseAmodalDataset', 'KINSDataset', 'MOViDADataset', 'SampleDraw', 'transforms']
