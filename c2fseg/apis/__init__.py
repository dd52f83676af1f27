"""Calls for users: a model from a config, and an inferencer from a model."""

from __future__ import annotations

from c2fseg.apis.inferencer import AmodalInferencer
from c2fseg.apis.init_model import init_model
from c2fseg.apis.result_files import merge_results
from c2fseg.mask_sources.mask_file import MaskEntry, MaskFile

__all__ = ['AmodalInferencer', 'MaskEntry', 'MaskFile', 'init_model', 'merge_results']
