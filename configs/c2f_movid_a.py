# C2F-Seg on MOViD-A: clips of 24 frames, windows of 12, so that rolling has something to carry
# (with the published window of 24 it has not: official/c2f_movid_a_official.py). One clip a GPU.
# Stage 1 is vqgan_movid_a.py.
_base_ = [
    '_base_/models/c2f_published_video.py',
    '_base_/datasets/movid_a.py',
    '_base_/schedules/c2f_150k.py',
    '_base_/default_runtime.py',
]

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_movid_a/iter_100000.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=4))
