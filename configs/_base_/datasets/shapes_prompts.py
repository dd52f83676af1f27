"""The built-in occluded shapes with clicks and boxes; what is to be found is the visible mask."""

data_root = 'data/shapes'
crop_size = 128
kinds = dict(box=0.35, points=0.4, both=0.25)

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='SimulatePrompt', kinds=kinds),
    dict(type='CropPrompt', crop_size=crop_size),
    dict(type='FlipObject', prob=0.5),
    dict(type='JitterColours'),
    dict(type='PackPromptInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='SimulatePrompt', kinds=kinds, deterministic=True),
    dict(type='CropPrompt', crop_size=crop_size),
    dict(type='PackPromptInputs'),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type='KINSDataset',
        data_root=data_root,
        ann_file='annotations/shapes_train.json',
        data_prefix=dict(img='train'),
        pipeline=train_pipeline,
        # Of a few pixels nobody can tell what they are part of.
        min_visible_area=30,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='KINSDataset',
        data_root=data_root,
        ann_file='annotations/shapes_val.json',
        data_prefix=dict(img='val'),
        pipeline=test_pipeline,
        test_mode=True,
        min_visible_area=30,
        indices=400,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=1,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='KINSDataset',
        data_root=data_root,
        ann_file='annotations/shapes_test.json',
        data_prefix=dict(img='test'),
        pipeline=test_pipeline,
        test_mode=True,
        min_visible_area=30,
    ),
)

val_evaluator = dict(type='PromptedIoU')
test_evaluator = val_evaluator
