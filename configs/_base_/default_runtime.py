# What every recipe shares: hooks, logging, seeds, distribution.
default_scope = 'c2fseg'

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', interval=1000, by_epoch=False, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    seed_each_iteration=dict(type='SeedEachIterationHook'),
    invalid_loss=dict(type='InvalidLossHook', interval=50),
)

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='AmodalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='PlainLogProcessor', window_size=50, by_epoch=False)
log_level = 'INFO'

load_from = None
resume = False
randomness = dict(seed=0)
