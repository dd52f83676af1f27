"""KINS for the mask tokenizer: amodal masks only, no picture is read."""

dataset_type = 'KINSDataset'
data_root = 'data/KINS'
crop_size = 256
train_enlarge = (1.5, 3.0)
test_enlarge = 2.0

train_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=train_enlarge),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]
test_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=test_enlarge),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/update_train_2020.json',
        data_prefix=dict(img='training/image_2'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=2,
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

val_evaluator = dict(type='ReconstructionIoU')
test_evaluator = val_evaluator
