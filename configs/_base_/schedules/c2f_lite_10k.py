# Stage 2 of the light architecture on a data set of some thousand objects: 10 k iterations, made
# for 64 objects each.
_base_ = './c2f_light.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=500,
        end=10000,
        T_max=9500,
        eta_min=6e-6,
    ),
]
train_cfg = dict(max_iters=10000, val_interval=1000)
# An average over the last thousand steps.
custom_hooks = [
    dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.001, gamma=10),
]
