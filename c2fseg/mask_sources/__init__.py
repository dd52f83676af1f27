"""Mask sources: where visible masks come from when the user has none.

A mask source is a component of :data:`c2fseg.registry.MASK_SOURCES`: a detector, a prompt (a click
or a box), or a file of results.
"""

from c2fseg.mask_sources.base_mask_source import BaseMaskSource, Picture, VisibleObject
from c2fseg.mask_sources.coco_results_source import COCOResultsSource
from c2fseg.mask_sources.mmdet_mask_source import MMDetMaskSource
from c2fseg.mask_sources.prompt_sources import BoxPromptSource, PointPromptSource
from c2fseg.mask_sources.sam_prompt_source import SAMPromptSource

__all__ = [
    'BaseMaskSource',
    'BoxPromptSource',
    'COCOResultsSource',
    'MMDetMaskSource',
    'Picture',
    'PointPromptSource',
    'SAMPromptSource',
    'VisibleObject',
]
