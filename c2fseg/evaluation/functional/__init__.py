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
from c2fseg.evaluation.functional.c2f_video import (
    hidden_shares,
    paste_visible,
    score_c2f_video,
    score_c2f_video_strict,
)
from c2fseg.evaluation.functional.clip_protocols import (
    CLIP_PROTOCOLS,
    ClipProtocol,
    clip_iou,
    get_clip_protocol,
)
from c2fseg.evaluation.functional.frame_scores import (
    FrameScores,
    mean_over_tracks,
    pooled_means,
    track_means,
)
from c2fseg.evaluation.functional.mask_scores import mask_iou, mean_probability
from c2fseg.evaluation.functional.region_counts import ClipRegionCounts, RegionCounts
from c2fseg.evaluation.functional.savos import (
    mean_by_video_frame,
    read_rows,
    row_name,
    rows_from_truth,
    score_savos,
)
from c2fseg.evaluation.functional.temporal import Motion, stability, true_motions

__all__ = [
    'CLIP_PROTOCOLS',
    'PROTOCOLS',
    'ClipProtocol',
    'ClipRegionCounts',
    'FrameScores',
    'Motion',
    'ObjectScore',
    'RegionCounts',
    'amodal_iou',
    'clip_iou',
    'get_clip_protocol',
    'get_protocol',
    'hidden_shares',
    'mask_iou',
    'mean_by_video_frame',
    'mean_over_tracks',
    'mean_probability',
    'mean_scores',
    'occlusion_rate',
    'paste_visible',
    'pooled_means',
    'read_rows',
    'row_name',
    'rows_from_truth',
    'score_c2f_image',
    'score_c2f_image_strict',
    'score_c2f_video',
    'score_c2f_video_strict',
    'score_savos',
    'stability',
    'track_means',
    'true_motions',
]
