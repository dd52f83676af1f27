"""Helpers that several models share."""

from c2fseg.models.utils.compiled_method import CompiledMethod
from c2fseg.models.utils.inference import optimize_for_inference
from c2fseg.models.utils.resizing import grow
from c2fseg.models.utils.runs_eagerly import runs_eagerly
from c2fseg.models.utils.strict_loading import load_strictly, read_state
from c2fseg.models.utils.upsampled_conv import conv_upsampled, fold_upsampling
from c2fseg.models.utils.without_autocast import without_autocast

__all__ = [
    'CompiledMethod',
    'conv_upsampled',
    'fold_upsampling',
    'grow',
    'load_strictly',
    'optimize_for_inference',
    'read_state',
    'runs_eagerly',
    'without_autocast',
]
