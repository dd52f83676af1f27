# The published model on D2SA. No recipe was published for it: this one is COCOA's, whose training
# set has about as many images. Stage 1 is vqgan_d2sa.py.
_base_ = [
    '_base_/models/c2f_published.py',
    '_base_/datasets/d2sa.py',
    '_base_/schedules/c2f_10k.py',
    '_base_/default_runtime.py',
]

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_d2sa/iter_100000.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=8))
