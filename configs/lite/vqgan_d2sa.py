# Stage 1 of the light architecture on D2SA: masks of 128 px, no discriminator, no VGG-16.
_base_ = [
    '../_base_/models/vqgan_light.py',
    '../_base_/datasets/d2sa_masks.py',
    '../_base_/datasets/light_crops_masks.py',
    '../_base_/schedules/vqgan_lite_20k.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/vqgan_d2sa'

crop_size = {{_base_.light_crop_size}}
train_pipeline = {{_base_.light_train_pipeline}}
test_pipeline = {{_base_.light_test_pipeline}}
train_dataloader = dict(batch_size=64, num_workers=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=64, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
