"""Evaluation as pure functions on arrays; the metrics are built on top of them."""

from c2fseg.evaluation.functional.amodal_ar import ArScores, average_recall
from c2fseg.evaluation.functional.bootstrap import bootstrap_ratios
from c2fseg.evaluation.functional.c2f_image import (
    mean_scores,
    occlusion_rate,
    score_c2f_image,
    score_c2f_image_strict,
)
from c2fseg.evaluation.functional.c2f_video import (
    hidden_shares,
    score_c2f_video,
    score_c2f_video_strict,
)
from c2fseg.evaluation.functional.clip_protocol import (
    ClipCase,
    ClipProtocol,
    count_masks,
    make_case,
    paste_visible,
    predictions_by_form,
)
from c2fseg.evaluation.functional.coco_ap import (
    COCO_MODES,
    ApScores,
    average_precision,
    get_coco_mode,
)
from c2fseg.evaluation.functional.coco_objects import Detection, TruthObject, stated_share
from c2fseg.evaluation.functional.diffusion_vas import best_sample, eroded_part, score_diffusion_vas
from c2fseg.evaluation.functional.eoras import score_eoras
from c2fseg.evaluation.functional.frame_scores import (
    FrameScores,
    Means,
    mean_by_video_frame,
    mean_over_tracks,
    means_by_video_frame,
    pooled_means,
    track_means,
)
from c2fseg.evaluation.functional.image_protocol import (
    ImageProtocol,
    Measure,
    ObjectScore,
    Score,
    fraction,
    measure_terms,
)
from c2fseg.evaluation.functional.mask_scores import mask_iou, mean_probability
from c2fseg.evaluation.functional.object_order import (
    OrderCounts,
    count_order,
    order_accuracy,
    true_order,
)
from c2fseg.evaluation.functional.occlusion_graph import (
    depth_layers,
    occlusion_cycles,
    occlusion_graph,
)
from c2fseg.evaluation.functional.occlusion_order import (
    Occlusion,
    occlusion_order,
    order_matrix,
)
from c2fseg.evaluation.functional.pcnet import PixelScore, score_pcnet
from c2fseg.evaluation.functional.protocols import (
    CLIP_PROTOCOLS,
    PROTOCOLS,
    amodal_iou,
    clip_iou,
    clip_means,
    get_clip_protocol,
    get_protocol,
    protocol_means,
)
from c2fseg.evaluation.functional.region_counts import ClipRegionCounts, RegionCounts
from c2fseg.evaluation.functional.savos import read_rows, row_name, rows_from_truth, score_savos
from c2fseg.evaluation.functional.savos_kins_car import (
    match_by_visible_iou,
    other_objects,
    score_savos_kins_car,
)
from c2fseg.evaluation.functional.temporal import Motion, stability, true_motions
from c2fseg.evaluation.functional.vita import VitaScore, score_vita

__all__ = [
    'CLIP_PROTOCOLS',
    'COCO_MODES',
    'PROTOCOLS',
    'ApScores',
    'ArScores',
    'ClipCase',
    'ClipProtocol',
    'ClipRegionCounts',
    'Detection',
    'FrameScores',
    'ImageProtocol',
    'Means',
    'Measure',
    'Motion',
    'ObjectScore',
    'Occlusion',
    'OrderCounts',
    'PixelScore',
    'RegionCounts',
    'Score',
    'TruthObject',
    'VitaScore',
    'amodal_iou',
    'average_precision',
    'average_recall',
    'best_sample',
    'bootstrap_ratios',
    'clip_iou',
    'clip_means',
    'count_masks',
    'count_order',
    'depth_layers',
    'eroded_part',
    'fraction',
    'get_clip_protocol',
    'get_coco_mode',
    'get_protocol',
    'hidden_shares',
    'make_case',
    'mask_iou',
    'match_by_visible_iou',
    'mean_by_video_frame',
    'mean_over_tracks',
    'mean_probability',
    'mean_scores',
    'means_by_video_frame',
    'measure_terms',
    'occlusion_cycles',
    'occlusion_graph',
    'occlusion_order',
    'occlusion_rate',
    'order_accuracy',
    'order_matrix',
    'other_objects',
    'paste_visible',
    'pooled_means',
    'predictions_by_form',
    'protocol_means',
    'read_rows',
    'row_name',
    'rows_from_truth',
    'score_c2f_image',
    'score_c2f_image_strict',
    'score_c2f_video',
    'score_c2f_video_strict',
    'score_diffusion_vas',
    'score_eoras',
    'score_pcnet',
    'score_savos',
    'score_savos_kins_car',
    'score_vita',
    'stability',
    'stated_share',
    'track_means',
    'true_motions',
    'true_order',
]
