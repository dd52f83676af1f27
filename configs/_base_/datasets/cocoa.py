"""COCOA-cls for the amodal model: as kins.py, with the published noise of COCOA.

An original file (``COCO_amodal_train2014.json``, stuff included) is read as well: put its name as
ann_file.
"""

_base_ = ['kins.py']

dataset_type = 'COCOADataset'
data_root = 'data/COCOA'

noise = dict(
    type='PerturbVisibleMask',
    blur_prob=0.2,
    morph_prob=0.7,
    dilate_prob=0.6,
    extra_blur_prob=0.2,
    morph_rounds=(1, 4),
    kernel_sides=(5, 13),
    blur_side=35,
    blur_sigma=11.0,
)
train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size={{_base_.crop_size}}, enlarge={{_base_.enlarge}}),
    noise,
    dict(type='PackAmodalInputs'),
]

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/COCO_amodal_train2014_with_classes.json',
        data_prefix=dict(img='train2014'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/COCO_amodal_val2014_with_classes.json',
        data_prefix=dict(img='val2014'),
    ),
)
test_dataloader = val_dataloader
