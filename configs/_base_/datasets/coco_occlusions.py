"""Ordinary COCO instance masks as amodal training data: whole objects, hidden behind others.

The test set is written to disk once, so that everybody is asked the same: docs/datasets.md.
"""

_base_ = ['noise_light.py']

data_root = 'data/coco'
test_root = 'data/coco_occlusions/val'
crop_size = 128
enlarge = 2.0
train_annotations = dict(
    type='CocoInstanceDataset',
    data_root=data_root,
    ann_file='annotations/instances_train2017.json',
    data_prefix=dict(img='train2017'),
)
load = [dict(type='LoadFrames'), dict(type='LoadAmodalMasks')]
# What is pasted may be cut a little by its neighbours; what is to be completed should not be.
occluders = dict(
    **train_annotations,
    pipeline=load,
    min_area=600,
    whole=dict(border_margin=2, min_main_piece=0.9, max_contact=0.3),
)
# Objects that the border cuts are taken too: what is asked for is their part inside the picture.
whole = dict(border_margin=None, max_contact=0.15)

train_pipeline = [
    *load,
    dict(
        type='SynthesizedOcclusion',
        occluders=occluders,
        same_picture_prob=0.4,
        prob=0.85,
        hidden_range=(0.05, 0.7),
        max_occluders=2,
        relative_size=(0.5, 2.0),
        behind_prob=0.2,
    ),
    dict(type='CropObject', crop_size=crop_size, enlarge=(1.7, 2.3), square=True),
    {{_base_.light_noise}},
    dict(type='FlipObject', prob=0.5),
    dict(type='WarpObject', prob=0.5),
    dict(type='JitterColours'),
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    *load,
    dict(type='CropObject', crop_size=crop_size, enlarge=enlarge, square=True),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(**train_annotations, pipeline=train_pipeline, whole=whole),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CocoAmodalDataset',
        data_root=test_root,
        ann_file='annotations.json',
        data_prefix=dict(img='images'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='AmodalIoU', protocol='c2f-image', visible_source='gt')
test_evaluator = val_evaluator
