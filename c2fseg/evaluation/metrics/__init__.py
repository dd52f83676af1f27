"""MMEngine metrics on top of the functions in ``c2fseg.evaluation.functional``."""

from c2fseg.evaluation.metrics.amodal_calibration import AmodalCalibration
from c2fseg.evaluation.metrics.amodal_coco import AmodalCocoMetric
from c2fseg.evaluation.metrics.amodal_iou import AmodalIoU
from c2fseg.evaluation.metrics.amodal_predictions import AmodalPredictions
from c2fseg.evaluation.metrics.prompted_iou import PromptedIoU
from c2fseg.evaluation.metrics.reconstruction_iou import ReconstructionIoU
from c2fseg.evaluation.metrics.video_amodal_iou import VideoAmodalIoU

__all__ = [
    'AmodalCalibration',
    'AmodalCocoMetric',
    'AmodalIoU',
    'AmodalPredictions',
    'PromptedIoU',
    'ReconstructionIoU',
    'VideoAmodalIoU',
]
