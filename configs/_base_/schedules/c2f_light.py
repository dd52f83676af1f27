# Stage 2 on a small machine: 1,200 iterations of 32 objects, averaged weights.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=6e-4, betas=(0.9, 0.95), weight_decay=0.01, fused=True),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        custom_keys=dict(embedding=dict(decay_mult=0.0)),
    ),
    clip_grad=dict(max_norm=1.0),
)
# After a third of the way the decay quickens, so that the last iterations are the small ones.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200, end=600, T_max=1600, eta_min=6e-6),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=600, end=1200, T_max=600, eta_min=6e-6),
]

train_cfg = dict(type='ResumableIterLoop', max_iters=1200, val_interval=300)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# Validation uses, and checkpoints hold as state_dict, an average over the last few hundred steps.
custom_hooks = [
    dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.005, gamma=10),
]
