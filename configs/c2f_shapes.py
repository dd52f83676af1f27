# The light model on the built-in occluded shapes; two CPU cores are enough. The tokenizer is that
# of vqgan_shapes.py, as it ships in weights/; for one of your own give
# --cfg-options model.tokenizer.init_cfg.checkpoint=work_dirs/vqgan_shapes/iter_3000.pth
_base_ = [
    '_base_/models/c2f_light.py',
    '_base_/datasets/shapes.py',
    '_base_/schedules/c2f_light.py',
    '_base_/default_runtime.py',
]

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/vqgan_shapes.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(
    checkpoint=dict(interval=300),
    visualization=dict(type='AmodalVisualizationHook', num_val_samples=8),
)
