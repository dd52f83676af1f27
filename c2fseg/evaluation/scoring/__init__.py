"""Scoring prediction files from anywhere: reading, joining with the truth, means, tables."""

from c2fseg.evaluation.scoring.clip_scores import score_clips
from c2fseg.evaluation.scoring.contact_sheet import draw_sheet
from c2fseg.evaluation.scoring.detection_scores import (
    DETECTION_PROTOCOLS,
    DetectionTable,
    score_detections,
)
from c2fseg.evaluation.scoring.image_scores import score_images
from c2fseg.evaluation.scoring.joining import MATCH_IOU, Joined, join, visible_source_of
from c2fseg.evaluation.scoring.object_scores import MISSING_RULES, ProtocolScores, Scoring
from c2fseg.evaluation.scoring.predictions import Prediction, read_predictions
from c2fseg.evaluation.scoring.summary import (
    BUCKET_EDGES,
    SummaryRow,
    make_subsets,
    summarise,
)
from c2fseg.evaluation.scoring.tables import (
    detections_as_json,
    format_detections,
    format_scores,
    objects_as_csv,
    scores_as_json,
)
from c2fseg.evaluation.scoring.truth import ObjectInfo, Truth, open_truth

__all__ = [
    'BUCKET_EDGES',
    'DETECTION_PROTOCOLS',
    'MATCH_IOU',
    'MISSING_RULES',
    'DetectionTable',
    'Joined',
    'ObjectInfo',
    'Prediction',
    'ProtocolScores',
    'Scoring',
    'SummaryRow',
    'Truth',
    'detections_as_json',
    'draw_sheet',
    'format_detections',
    'format_scores',
    'join',
    'make_subsets',
    'objects_as_csv',
    'open_truth',
    'read_predictions',
    'score_clips',
    'score_detections',
    'score_images',
    'scores_as_json',
    'summarise',
    'visible_source_of',
]
