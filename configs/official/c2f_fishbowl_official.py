# C2F-Seg on Fishbowl as the reference implementation trains and tests it, so that its published
# weights can be read (tools/model_converters/official_to_c2fseg.py): pictures in [0, 1], windows of
# 16 frames, no position in time, the roll joins the end of a clip to its beginning, crops of one
# scale laid into the upper left corner, a copy of the last frame at the end of every clip, most
# biases of the transformer untrained.
_base_ = [
    '../_base_/models/c2f_published_video.py',
    '../_base_/datasets/fishbowl_official.py',
    '../_base_/schedules/c2f_150k_official_video.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(_delete_=True, type='AmodalDataPreprocessor'),
    tokenizer=dict(
        latent_channels=32,
        codebook_size=32,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_fishbowl_official/iter_300000.pth',
            prefix='autoencoder.',
        ),
    ),
    transformer=dict(
        block=dict(window_frames=16, wrap_around=True, temporal_position=None),
    ),
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=4))
