# Stage 1 of the published architecture at 128 px, for the comparison with the light one.
_base_ = [
    '../_base_/models/vqgan_published_128.py',
    '../_base_/datasets/shapes_masks.py',
    '../_base_/schedules/vqgan_compare.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/vqgan_shapes_published_128'
