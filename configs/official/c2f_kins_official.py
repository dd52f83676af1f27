# The reference implementation's way, so that its published weights can be read
# (tools/model_converters/official_to_c2fseg.py) and its training be repeated, defects included:
#   - pictures are read as BGR in training, as RGB in the test, and lie in [0, 1], with neither mean
#     nor deviation;
#   - the group of parameters without decay was empty: no bias of the transformer and neither
#     LayerNorm of a block was trained, and all other weights decay.
_base_ = [
    '../_base_/models/c2f_published.py',
    '../_base_/datasets/kins_official.py',
    '../_base_/schedules/c2f_150k_official.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(_delete_=True, type='AmodalDataPreprocessor'),
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_kins_official/iter_100000.pth',
            prefix='autoencoder.',
        ),
    ),
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=8))
