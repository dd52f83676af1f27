# The published recipe on COCOA with the defects of the reference implementation mended, as
# c2f_kins.py: 10 k iterations of 16 crops around the visible mask. Stage 1 is vqgan_cocoa.py.
_base_ = [
    '_base_/models/c2f_published.py',
    '_base_/datasets/cocoa.py',
    '_base_/schedules/c2f_10k.py',
    '_base_/default_runtime.py',
]

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_cocoa/iter_100000.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=8))
