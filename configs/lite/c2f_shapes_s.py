# Stage 2 of the small light architecture, as long as that of the published one.
_base_ = [
    '../_base_/models/c2f_lite_s.py',
    '../_base_/datasets/shapes.py',
    '../_base_/schedules/c2f_compare.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/c2f_shapes_s'

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/lite/vqgan_shapes/iter_600.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(
    checkpoint=dict(interval=300),
    logger=dict(interval=20),
)
