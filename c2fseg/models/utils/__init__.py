"""Helpers that several models share."""

from c2fseg.models.utils.inference import optimize_for_inference
from c2fseg.models.utils.strict_loading import load_strictly, read_state

__all__ = ['load_strictly', 'optimize_for_inference', 'read_state']
