"""Fishbowl for the amodal model: clips of 16 frames in training, the first 32 in test.

``tools/dataset_converters/pickle_to_json.py`` makes JSON of the pickles; put its name as ann_file.
"""

dataset_type = 'FishbowlDataset'
data_root = 'data/Fishbowl'
crop_size = 256
enlarge = 2.0
train_frames = 16
test_frames = 32
# Every window of a clip has the height and the width of the largest, about its own centre.
track_scale = 'centre'

train_pipeline = [
    dict(type='SampleClip', num_frames=train_frames, mode='random'),
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
    dict(type='SampleClip', num_frames=test_frames, mode='start'),
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
        ann_file='train_data/train_data.pkl',
        data_prefix=dict(img='train_data/train_frames'),
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
        ann_file='test_data/test_data.pkl',
        data_prefix=dict(img='test_data/test_frames'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
# A few tracks of the test split follow a training.
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='test_data/test_data.pkl',
        data_prefix=dict(img='test_data/test_frames'),
        pipeline=test_pipeline,
        test_mode=True,
        indices=200,
    ),
)

val_evaluator = dict(type='VideoAmodalIoU', protocol='c2f-video', visible_source='gt')
test_evaluator = val_evaluator
