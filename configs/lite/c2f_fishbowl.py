# The light architecture on Fishbowl: crops of 128 px, clips of 12 frames in training, windows of 6.
# Tested on as many frames as c2f_fishbowl.py. Stage 1 is lite/vqgan_fishbowl.py.
_base_ = [
    '../_base_/models/c2f_lite_video.py',
    '../_base_/datasets/fishbowl.py',
    '../_base_/datasets/light_crops_video.py',
    '../_base_/schedules/c2f_lite_video_40k.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/c2f_fishbowl'

crop_size = {{_base_.light_crop_size}}
train_pipeline = {{_base_.light_train_pipeline}}
test_pipeline = [
    dict(type='SampleClip', num_frames={{_base_.test_frames}}, mode='start'),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    {{_base_.light_test_crop}},
    dict(type='PackAmodalInputs', pack_full_masks=True),
]
train_dataloader = dict(batch_size=8, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/lite/vqgan_fishbowl/iter_20000.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=4))
