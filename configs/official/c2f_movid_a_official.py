# C2F-Seg on MOViD-A as the reference implementation trains and tests it, so that its published
# weights can be read (tools/model_converters/official_to_c2fseg.py): pictures in [0, 1], windows of
# 24 frames (the whole clip, so that no roll changes anything), no position in time, crops of one
# scale laid into the upper left corner, most biases of the transformer untrained.
_base_ = [
    '../_base_/models/c2f_published_video.py',
    '../_base_/datasets/movid_a_official.py',
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

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=4))
