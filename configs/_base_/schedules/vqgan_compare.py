# Stage 1 of the comparison of architectures: 600 iterations of 32 masks.
_base_ = './vqgan_light.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=600, T_max=550, eta_min=6e-6),
]
train_cfg = dict(max_iters=600, val_interval=300)
