"""Evaluation: named protocols, and the metrics that the Runner calls."""

from c2fseg.evaluation.metrics import AmodalIoU, ReconstructionIoU

__all__ = ['AmodalIoU', 'ReconstructionIoU']
