# The light architecture on your own data (docs/datasets.md), from nothing, for a GPU; on a small
# machine c2f_coco_amodal.py goes on from weights that ship. The tokenizer is the one that ships;
# for one of your own train lite/vqgan_coco_amodal.py and give --cfg-options
# model.tokenizer.init_cfg.checkpoint=work_dirs/lite/vqgan_coco_amodal/iter_20000.pth
_base_ = [
    '../_base_/models/c2f_lite.py',
    '../_base_/datasets/coco_amodal.py',
    '../_base_/schedules/c2f_lite_10k.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/lite/c2f_coco_amodal'

train_dataloader = dict(batch_size=64, num_workers=8)

model = dict(
    tokenizer=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='weights/vqgan_shapes.pth',
            prefix='autoencoder.',
        )
    )
)

default_hooks = dict(visualization=dict(type='AmodalVisualizationHook', num_val_samples=8))
