# Stage 1 on a small machine: one AdamW and 3,000 iterations of 32 masks in two cosine cycles; the
# second, from half the learning rate, finds the legs and handles that the first one missed.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=6e-4, betas=(0.9, 0.99), weight_decay=0.01, fused=True),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineRestartLR',
        by_epoch=False,
        begin=50,
        end=3000,
        periods=[1850, 1100],
        restart_weights=[1.0, 0.5],
        eta_min=6e-6,
    ),
]

train_cfg = dict(type='ResumableIterLoop', max_iters=3000, val_interval=500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
