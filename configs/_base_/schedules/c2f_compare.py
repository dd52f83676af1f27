# Stage 2 of the comparison of architectures: 600 iterations of 32 objects, averaged weights.
_base_ = './c2f_light.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=600, T_max=500, eta_min=6e-6),
]
train_cfg = dict(max_iters=600, val_interval=300)
