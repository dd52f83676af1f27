# Stage 1 on the built-in shapes: the light mask tokenizer.
_base_ = [
    '_base_/models/vqgan_light.py',
    '_base_/datasets/shapes_masks.py',
    '_base_/schedules/vqgan_light.py',
    '_base_/default_runtime.py',
]

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
