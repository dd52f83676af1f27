# Stage 1 of the light architecture on your own data (docs/datasets.md), going on from the tokenizer
# that ships. lite/c2f_coco_amodal.py does without; try it where your objects look unlike the
# built-in shapes, thin or full of holes.
_base_ = [
    '../_base_/models/vqgan_light.py',
    '../_base_/datasets/coco_amodal_masks.py',
    '../_base_/schedules/vqgan_lite_20k.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/vqgan_coco_amodal'
load_from = 'weights/vqgan_shapes.pth'

train_dataloader = dict(batch_size=64, num_workers=4)

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
