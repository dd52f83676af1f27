"""The built-in occluded shapes for the mask tokenizer: amodal and visible masks, no picture."""

dataset_type = 'KINSDataset'
data_root = 'data/shapes'
crop_size = 128
train_enlarge = (1.5, 3.0)
test_enlarge = 2.0

train_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=train_enlarge, square=True),
    dict(type='FlipObject', prob=0.5),
    # Stage 2 tokenises visible masks as well, so the tokenizer should have seen some.
    dict(type='ChooseMaskTarget', visible_prob=1 / 3),
    dict(type='PackMaskInputs'),
]
test_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=crop_size, enlarge=test_enlarge, square=True),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/shapes_train.json',
        data_prefix=dict(img='train'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/shapes_val.json',
        data_prefix=dict(img='val'),
        pipeline=test_pipeline,
        test_mode=True,
        indices=400,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=1,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/shapes_test.json',
        data_prefix=dict(img='test'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

val_evaluator = dict(type='ReconstructionIoU')
test_evaluator = val_evaluator
