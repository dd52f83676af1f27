# C2F-Seg on MOViD-A as the reference implementation trains and tests it, so that its published
# weights can be read (tools/model_converters/official_to_c2fseg.py): pictures in [0, 1], windows of
# 24 frames (the whole clip), no position in time, the roll joins the end of a clip
# to its beginning, crops of one scale laid into the upper left corner,
# most biases of the transformer untrained.
_base_ = [
    '../_base_/models/c2f_published_video.py',
    '../_base_/datasets/movid_a.py',
    '../_base_/schedules/c2f_150k_official_video.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(_delete_=True, type='AmodalDataPreprocessor'),
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_movid_a_official/iter_100000.pth',
            prefix='autoencoder.',
        ),
    ),
    transformer=dict(
        block=dict(window_frames=24, wrap_around=True, temporal_position=None),
    ),
)

crop = dict(
    type='CropObject',
    crop_size=_base_.crop_size,
    enlarge=_base_.enlarge,
    track_scale='corner',
)
train_pipeline = [
    dict(type='SampleClip', num_frames=24, mode='random'),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    crop,
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
    dict(type='SampleClip', num_frames=24, mode='start'),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    crop,
    dict(type='PackAmodalInputs', pack_full_masks=True),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=4))
