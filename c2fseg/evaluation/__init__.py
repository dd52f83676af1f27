"""Evaluation: named protocols, and the metrics that the Runner calls."""

from c2fseg.evaluation.metrics import AmodalIoU, ReconstructionIoU, VideoAmodalIoU

__all__ = ['AmodalIoU', 'ReconstructionIoU', 'VideoAmodalIoU']
