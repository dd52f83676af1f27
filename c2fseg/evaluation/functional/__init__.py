"""Evaluation as pure functions on arrays; the metrics are built on top of them."""

from c2fseg.evaluation.functional.c2f_image import (
    PROTOCOLS,
    ObjectScore,
    amodal_iou,
    get_protocol,
    mean_scores,
    occlusion_rate,
    score_c2f_image,
    score_c2f_image_strict,
)
from c2fseg.evaluation.functional.mask_scores import mask_iou, mean_probability
from c2fseg.evaluation.functional.region_counts import RegionCounts

__all__ = [
    'PROTOCOLS',
    'ObjectScore',
    'RegionCounts',
    'amodal_iou',
    'get_protocol',
    'mask_iou',
    'mean_probability',
    'mean_scores',
    'occlusion_rate',
    'score_c2f_image',
    'score_c2f_image_strict',
]
