# Stage 1 on your own data: the light mask tokenizer, going on from the one that ships and knows the
# built-in shapes. c2f_coco_amodal.py does without; try it where your objects look unlike those,
# thin or full of holes. For one from nothing give --cfg-options load_from=None. Data:
# docs/datasets.md.
_base_ = [
    '_base_/models/vqgan_light.py',
    '_base_/datasets/coco_amodal_masks.py',
    '_base_/schedules/vqgan_light.py',
    '_base_/default_runtime.py',
]

load_from = 'weights/vqgan_shapes.pth'

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
