"""A Mask R-CNN of mmdet that is small enough for tests, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

CLASSES = ('cat', 'dog', 'cow')


def mask_rcnn(masks: bool = True, classes: tuple[str, ...] | None = CLASSES) -> Config:
    """A config; without ``masks`` it is a Faster R-CNN."""
    boxes = dict(
        type='Shared2FCBBoxHead', in_channels=8, fc_out_channels=8, roi_feat_size=7,
        num_classes=len(CLASSES), reg_class_agnostic=True,
        bbox_coder=dict(
            type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]
        ),
        loss_cls=dict(type='CrossEntropyLoss'), loss_bbox=dict(type='L1Loss'),
    )  # fmt: skip
    heads: dict[str, Any] = dict(
        type='StandardRoIHead', bbox_roi_extractor=_extractor(7), bbox_head=boxes
    )
    if masks:
        heads |= dict(
            mask_roi_extractor=_extractor(14),
            mask_head=dict(
                type='FCNMaskHead', num_convs=1, in_channels=8, conv_out_channels=8,
                num_classes=len(CLASSES), loss_mask=dict(type='CrossEntropyLoss', use_mask=True),
            ),
        )  # fmt: skip
    model = dict(
        type='MaskRCNN' if masks else 'FasterRCNN',
        data_preprocessor=dict(
            type='DetDataPreprocessor', mean=[100.0, 110.0, 120.0], std=[58.0] * 3,
            bgr_to_rgb=True, pad_mask=True, pad_size_divisor=32,
        ),
        backbone=dict(
            type='ResNet', depth=18, base_channels=4, stem_channels=4, num_stages=4,
            out_indices=(0, 1, 2, 3), norm_cfg=dict(type='SyncBN'), style='pytorch',
            init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'),
        ),
        neck=dict(type='FPN', in_channels=[4, 8, 16, 32], out_channels=8, num_outs=5),
        rpn_head=dict(
            type='RPNHead', in_channels=8, feat_channels=8,
            anchor_generator=dict(
                type='AnchorGenerator', scales=[8], ratios=[0.5, 1.0, 2.0],
                strides=[4, 8, 16, 32, 64],
            ),
            bbox_coder=dict(
                type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[1.0] * 4
            ),
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
            loss_bbox=dict(type='L1Loss'),
        ),
        roi_head=heads,
        train_cfg=None,
        test_cfg=dict(
            rpn=dict(nms_pre=50, max_per_img=20, nms=dict(type='nms', iou_threshold=0.7),
                     min_bbox_size=0),
            rcnn=dict(score_thr=0.0, nms=dict(type='nms', iou_threshold=0.5), max_per_img=12,
                      mask_thr_binary=0.5),
        ),
    )  # fmt: skip
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(96, 64), keep_ratio=True),
        dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
        dict(
            type='PackDetInputs',
            meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
        ),
    ]
    dataset: dict[str, Any] = dict(type='BaseDetDataset', pipeline=pipeline)
    if classes is not None:
        dataset['metainfo'] = dict(classes=classes)
    return Config(
        dict(
            default_scope='mmdet',
            model=model,
            test_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=[dataset])),
        )
    )


def write_weights(config: Config, path: Path, **extra: Any) -> Path:
    """Writes random weights, always the same, and what else the file is to hold."""
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules
    from mmengine.model.utils import revert_sync_batchnorm

    register_all_modules(init_default_scope=False)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = revert_sync_batchnorm(MODELS.build(config.model))
    state = model.state_dict()
    # Large weights, so that scores and masks differ from place to place.
    for name, value in state.items():
        if name.startswith('roi_head') and value.ndim > 1:
            state[name] = torch.randn_like(value) * (0.05 if 'fc_cls' in name else 1.0)
    torch.save(dict(state_dict=state, **extra), path)
    return path


def _extractor(size: int) -> dict[str, Any]:
    return dict(
        type='SingleRoIExtractor', out_channels=8, featmap_strides=[4, 8, 16, 32],
        roi_layer=dict(type='RoIAlign', output_size=size, sampling_ratio=0),
    )  # fmt: skip
