"""Objects of single frames become tracks, and masks are carried from frame to frame."""

from c2fseg.tracking.colour_refinement import ColourRefinement
from c2fseg.tracking.flow import DenseFlow, warp
from c2fseg.tracking.mask_linker import LinkedFrames, MaskLinker
from c2fseg.tracking.mask_propagator import MaskPropagator

__all__ = [
    'ColourRefinement',
    'DenseFlow',
    'LinkedFrames',
    'MaskLinker',
    'MaskPropagator',
    'warp',
]
