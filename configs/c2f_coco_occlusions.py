# No amodal labels at all: the light model on ordinary COCO instance masks, whose whole objects are
# hidden behind others on the fly. Stage 1 is vqgan_coco_occlusions.py.
_base_ = [
    '_base_/models/c2f_light.py',
    '_base_/datasets/coco_occlusions.py',
    '_base_/schedules/c2f_light.py',
    '_base_/default_runtime.py',
]

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/vqgan_coco_occlusions/iter_1200.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(
    checkpoint=dict(interval=200),
    visualization=dict(type='AmodalVisualizationHook', num_val_samples=8),
)
