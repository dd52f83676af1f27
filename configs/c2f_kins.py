# The published recipe on KINS with the defects of the reference implementation mended: every
# weight is trained, norms, biases and embeddings do not decay, pictures are normalised as the
# backbone's weights want them. 150 k iterations of 16 crops. Stage 1 is vqgan_kins.py.
_base_ = [
    '_base_/models/c2f_published.py',
    '_base_/datasets/kins.py',
    '_base_/schedules/c2f_150k.py',
    '_base_/default_runtime.py',
]

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_kins/iter_100000.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=8))
