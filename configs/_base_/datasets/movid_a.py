"""MOViD-A for the amodal model: whole videos of 24 frames, the published crops and noise."""

dataset_type = 'MOViDADataset'
data_root = 'data/MOViD_A'
crop_size = 256
enlarge = 2.0
num_frames = 24
# Every window of a clip has the height and the width of the largest, about its own centre.
track_scale = 'centre'

train_pipeline = [
    dict(type='SampleClip', num_frames=num_frames, mode='random'),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=enlarge, track_scale=track_scale),
    dict(
        type='PerturbVisibleMask',
        blur_prob=0.1,
        morph_prob=0.5,
        dilate_prob=0.5,
        extra_blur_prob=0.1,
        morph_rounds=(1, 4),
        kernel_sides=(5, 13),
        blur_side=35,
        blur_sigma=11.0,
    ),
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    dict(type='SampleClip', num_frames=num_frames, mode='start'),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=enlarge, track_scale=track_scale),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]

train_dataloader = dict(
    batch_size=1,
    num_workers=4,
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
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
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
# There is no validation split: a few tracks of the test split follow a training.
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
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
        indices=200,
    ),
)

val_evaluator = dict(type='VideoAmodalIoU', protocol='c2f-video', visible_source='gt')
test_evaluator = val_evaluator
