# The visible mask as the answer, on the built-in clips.
# python tools/test.py configs/trivial_visible_shapes_video.py none
_base_ = ['_base_/default_runtime.py', '_base_/datasets/shapes_video.py']

model = dict(type='TrivialPredictor', method='visible')

trivial_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=_base_.crop_size, enlarge=_base_.enlarge, square=True),
    dict(type='PackAmodalInputs', pack_full_masks=True, pack_full_visible=True),
]

# There is nothing to train, and only the test split is scored.
train_dataloader = None
val_dataloader = None
val_evaluator = None
test_dataloader = dict(dataset=dict(pipeline=trivial_pipeline))
test_cfg = dict(type='TestLoop')
