"""MOViD-A for the mask tokenizer: amodal masks of single frames, no picture is read."""

dataset_type = 'MOViDADataset'
data_root = 'data/MOViD_A'
crop_size = 256
enlarge = 1.2

train_pipeline = [
    dict(type='SampleClip', num_frames=1, mode='random'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=enlarge),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]
test_pipeline = [
    dict(type='SampleClip', num_frames=1, mode='centre'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=enlarge),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='train_instance.txt',
        data_prefix=dict(img='train'),
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
        ann_file='test_instance.txt',
        data_prefix=dict(img='test'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ReconstructionIoU')
test_evaluator = val_evaluator
