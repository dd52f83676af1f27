# The light architecture on KINS with crops of 256 px, as the published one has them: for objects
# that are large in their picture, or that must be drawn finer. Else as lite/c2f_kins.py. Stage 1 is
# lite/vqgan_kins_256.py.
_base_ = [
    '../_base_/models/c2f_lite_256.py',
    '../_base_/datasets/kins.py',
    '../_base_/schedules/c2f_lite_40k.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/c2f_kins_256'

train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size={{_base_.crop_size}}, enlarge=(1.7, 2.3), square=True),
    # The noise of crops of 128 px, at twice the size.
    dict(
        type='PerturbVisibleMask',
        blur_prob=0.1,
        morph_prob=0.3,
        dilate_prob=0.55,
        extra_blur_prob=0.1,
        morph_rounds=(1, 2),
        kernel_sides=(4, 8),
        blur_side=19,
        blur_sigma=5.0,
    ),
    dict(type='FlipObject', prob=0.5),
    dict(type='JitterColours'),
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.enlarge}},
        square=True,
    ),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]
train_dataloader = dict(batch_size=64, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=64, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/lite/vqgan_kins_256/iter_20000.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=8))
