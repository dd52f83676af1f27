"""The amodal segmentation models: losses and predictions."""

from c2fseg.models.segmentors.c2fseg import C2FSeg
from c2fseg.models.segmentors.trivial_predictor import TrivialPredictor

__all__ = ['C2FSeg', 'TrivialPredictor']
