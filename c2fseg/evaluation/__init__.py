"""Evaluation: named protocols, and the metrics that the Runner calls."""

from c2fseg.evaluation.metrics import (
    AmodalCocoMetric,
    AmodalIoU,
    AmodalPredictions,
    ReconstructionIoU,
    VideoAmodalIoU,
)

__all__ = [
    'AmodalCocoMetric',
    'AmodalIoU',
    'AmodalPredictions',
    'ReconstructionIoU',
    'VideoAmodalIoU',
]
