# Stage 1 on ordinary COCO instance masks: the light mask tokenizer. 1,200 iterations of 32 masks
# suit some hundred photographs; for all of COCO take the schedule of vqgan_shapes.py.
_base_ = [
    '_base_/models/vqgan_light.py',
    '_base_/datasets/coco_occlusions_masks.py',
    '_base_/schedules/vqgan_light.py',
    '_base_/default_runtime.py',
]

param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineRestartLR',
        by_epoch=False,
        begin=50,
        end=1200,
        periods=[750, 400],
        restart_weights=[1.0, 0.5],
        eta_min=6e-6,
    ),
]
train_cfg = dict(max_iters=1200, val_interval=600)

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
