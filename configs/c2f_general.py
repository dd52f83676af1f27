# The general weights: the light model of c2f_shapes.py goes on with the built-in shapes and with
# photographs whose whole objects are hidden behind others, half of the draws each.
_base_ = [
    '_base_/models/c2f_light.py',
    '_base_/datasets/general.py',
    '_base_/schedules/c2f_light_general.py',
    '_base_/default_runtime.py',
]

model = dict(init_cfg=dict(type='Pretrained', checkpoint='weights/c2f_shapes.pth'))

default_hooks = dict(
    checkpoint=dict(interval=100),
    logger=dict(interval=20),
    visualization=dict(type='AmodalVisualizationHook', num_val_samples=8),
)
