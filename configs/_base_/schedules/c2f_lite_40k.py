# Stage 2 of the light architecture on a large data set: 40 k iterations, made for 64 objects each,
# so that it sees about as many as c2f_150k.py with its 16.
_base_ = './c2f_light.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=1000),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=1000,
        end=40000,
        T_max=39000,
        eta_min=6e-6,
    ),
]
train_cfg = dict(max_iters=40000, val_interval=10000)
# An average over the last two thousand steps.
custom_hooks = [
    dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.0005, gamma=10),
]
