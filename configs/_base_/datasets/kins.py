"""KINS for the amodal model: the published crops and the published noise on the visible mask."""

dataset_type = 'KINSDataset'
data_root = 'data/KINS'
crop_size = 256
enlarge = 2.0

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=enlarge),
    dict(
        type='PerturbVisibleMask',
        blur_prob=0.2,
        morph_prob=0.4,
        dilate_prob=0.55,
        extra_blur_prob=0.1,
        morph_rounds=(1, 4),
        kernel_sides=(5, 13),
        blur_side=35,
        blur_sigma=11.0,
    ),
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=enlarge),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    # Four objects of a picture on end: a worker reads it once for them, and a batch of 16 still
    # holds objects of four pictures or more. Without the last two, objects come one by one.
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True, group_by='image', group_size=4),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/update_train_2020.json',
        data_prefix=dict(img='training/image_2'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/update_test_2020.json',
        data_prefix=dict(img='testing/image_2'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='AmodalIoU', protocol='c2f-image', visible_source='gt')
test_evaluator = val_evaluator
