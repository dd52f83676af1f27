"""The built-in clips for the amodal model, small enough for two CPU cores."""

_base_ = ['noise_light.py']

dataset_type = 'MOViDADataset'
data_root = 'data/shapes_video'
crop_size = 128
enlarge = 2.0
# Every window of a clip has the size of the largest one, so that an object keeps its size from
# frame to frame.
track_scale = 'centre'

train_pipeline = [
    # Twelve of the 24 frames, one after the other or every second one.
    dict(type='SampleClip', num_frames=12, mode='random', interval=(1, 2)),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size=crop_size,
        enlarge=enlarge,
        square=True,
        track_scale=track_scale,
    ),
    {{_base_.light_noise}},
    dict(type='FlipObject', prob=0.5),
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size=crop_size,
        enlarge=enlarge,
        square=True,
        track_scale=track_scale,
    ),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]

train_dataloader = dict(
    batch_size=3,
    num_workers=1,
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
    batch_size=2,
    num_workers=0,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='val_instance.txt',
        data_prefix=dict(img='val'),
        pipeline=test_pipeline,
        test_mode=True,
        # Enough to follow a training; the test split is scored whole.
        indices=40,
    ),
)
test_dataloader = dict(
    batch_size=2,
    num_workers=1,
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

val_evaluator = dict(type='VideoAmodalIoU', protocol='c2f-video', visible_source='gt')
test_evaluator = val_evaluator
