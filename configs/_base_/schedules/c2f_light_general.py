# Going on from trained weights on a small machine: 800 iterations of 32 objects, averaged over the
# last hundred steps.
_base_ = './c2f_light.py'

optim_wrapper = dict(optimizer=dict(lr=4e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=40),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=40, end=800, T_max=760, eta_min=4e-6),
]
train_cfg = dict(max_iters=800, val_interval=200)
custom_hooks = [
    dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.01, gamma=10),
]
