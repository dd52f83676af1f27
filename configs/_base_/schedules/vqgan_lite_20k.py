# Stage 1 of the light architecture on a real data set: 20 k iterations, made for 64 masks each.
_base_ = './vqgan_light.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=200),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=200,
        end=20000,
        T_max=19800,
        eta_min=6e-6,
    ),
]
train_cfg = dict(max_iters=20000, val_interval=5000)
