"""The steps of a pipeline, in their order: sampling, loading, cropping, augmentation, packing."""

from .augmentation import ChooseMaskTarget, FlipObject, PerturbVisibleMask
from .clip_sampling import SampleClip
from .cropping import CropObject
from .loading import LoadAmodalMasks, LoadFrames
from .packing import PackAmodalInputs, PackMaskInputs

__all__ = [
    'ChooseMaskTarget',
    'CropObject',
    'FlipObject',
    'LoadAmodalMasks',
    'LoadFrames',
    'PackAmodalInputs',
    'PackMaskInputs',
    'PerturbVisibleMask',
    'SampleClip',
]
