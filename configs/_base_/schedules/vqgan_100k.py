# Stage 1 as published: 100 k iterations, two Adam optimizers, rate halved every 30 k
# (C2F-Seg, ICCV 2023, supplementary A.1).
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    autoencoder=dict(
        type='OptimWrapper',
        optimizer=dict(type='Adam', lr=5e-5, betas=(0.5, 0.9), fused=True),
    ),
    discriminator=dict(
        type='OptimWrapper',
        optimizer=dict(type='Adam', lr=5e-5, betas=(0.5, 0.9), fused=True),
    ),
)
# One list serves every optimizer.
param_scheduler = [dict(type='StepLR', by_epoch=False, step_size=30000, gamma=0.5)]

train_cfg = dict(type='ResumableIterLoop', max_iters=100000, val_interval=5000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# Two optimizers step at different times, so each child is wrapped by itself.
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')
