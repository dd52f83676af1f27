# C2F-Seg on Fishbowl: trained on clips of 16 frames, tested on 32, windows of 8. One clip a GPU.
# Stage 1 is vqgan_fishbowl.py.
_base_ = [
    '_base_/models/c2f_published_video.py',
    '_base_/datasets/fishbowl.py',
    '_base_/schedules/c2f_150k.py',
    '_base_/default_runtime.py',
]

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_fishbowl/iter_100000.pth',
            prefix='autoencoder.',
        )
    ),
    transformer=dict(block=dict(window_frames=8)),
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=4))
