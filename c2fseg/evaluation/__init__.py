"""Evaluation: named protocols, and the metrics that the Runner calls."""

from c2fseg.evaluation.metrics import (
    AmodalCalibration,
    AmodalCocoMetric,
    AmodalIoU,
    AmodalPredictions,
    ReconstructionIoU,
    VideoAmodalIoU,
)

__all__ = [
    'AmodalCalibration',
    'AmodalCocoMetric',
    'AmodalIoU',
    'AmodalPredictions',
    'ReconstructionIoU',
    'VideoAmodalIoU',
]
