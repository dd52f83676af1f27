"""The steps of a pipeline, in their order: sampling, loading, cropping, augmentation, packing."""

from .augmentation import ChooseMaskTarget, FlipObject, PerturbVisibleMask
from .clip_sampling import SampleClip
from .crop_augmentation import JitterColours, WarpObject
from .cropping import CropObject
from .loading import LoadAmodalMasks, LoadFrames
from .occlusion import SynthesizedOcclusion
from .packing import PackAmodalInputs, PackMaskInputs
from .prompts import CropPrompt, PackPromptInputs, SimulatePrompt

__all__ = [
    'ChooseMaskTarget',
    'CropObject',
    'CropPrompt',
    'FlipObject',
    'JitterColours',
    'LoadAmodalMasks',
    'LoadFrames',
    'PackAmodalInputs',
    'PackMaskInputs',
    'PackPromptInputs',
    'PerturbVisibleMask',
    'SampleClip',
    'SimulatePrompt',
    'SynthesizedOcclusion',
    'WarpObject',
]
