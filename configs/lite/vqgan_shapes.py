# Stage 1 of the light architecture, as long as that of the published one it is compared with.
_base_ = [
    '../_base_/models/vqgan_light.py',
    '../_base_/datasets/shapes_masks.py',
    '../_base_/schedules/vqgan_compare.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/vqgan_shapes'
