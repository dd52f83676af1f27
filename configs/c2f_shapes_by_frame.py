# The image model on the built-in clips, frame by frame: what a model that looks over time has to
# beat. It sees each frame through its own window, as it was trained to. Tested only:
# python tools/test.py configs/c2f_shapes_by_frame.py weights/c2f_shapes.pth
_base_ = [
    '_base_/models/c2f_light.py',
    '_base_/datasets/shapes_video.py',
    '_base_/default_runtime.py',
]

by_frame_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=_base_.crop_size, enlarge=_base_.enlarge, square=True),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]

train_dataloader = None
val_dataloader = None
val_evaluator = None
test_dataloader = dict(dataset=dict(pipeline=by_frame_pipeline))
test_cfg = dict(type='TestLoop')
