# Stage 1 of the light architecture on KINS with masks of 256 px, as lite/vqgan_kins.py.
_base_ = [
    '../_base_/models/vqgan_lite_256.py',
    '../_base_/datasets/kins_masks.py',
    '../_base_/schedules/vqgan_lite_20k.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/vqgan_kins_256'

train_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.train_enlarge}},
        square=True,
    ),
    dict(type='FlipObject', prob=0.5),
    dict(type='ChooseMaskTarget', visible_prob=1 / 3),
    dict(type='PackMaskInputs'),
]
test_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.test_enlarge}},
        square=True,
    ),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]
train_dataloader = dict(batch_size=64, num_workers=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=64, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
