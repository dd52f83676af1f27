# The light architecture on COCOA: crops of 128 px. Stage 1 is lite/vqgan_cocoa.py. Another size:
# c2f_lite_s.py or c2f_lite_l.py in the place of c2f_lite.py.
_base_ = [
    '../_base_/models/c2f_lite.py',
    '../_base_/datasets/cocoa.py',
    '../_base_/datasets/light_crops.py',
    '../_base_/schedules/c2f_lite_10k.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/c2f_cocoa'

crop_size = {{_base_.light_crop_size}}
train_pipeline = {{_base_.light_train_pipeline}}
test_pipeline = {{_base_.light_test_pipeline}}
train_dataloader = dict(batch_size=64, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=64, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/lite/vqgan_cocoa/iter_20000.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=8))
