# Your own data (any COCO JSON with amodal masks, docs/datasets.md) on a small machine: the light
# model, going on from the weights that ship. Put the files into data/own, or give their place with
# --cfg-options train_dataloader.dataset.data_root=DIR (and the same for val and test).
#
# The tokenizer is the one that ships as well. For one of your own train vqgan_coco_amodal.py first;
# the weights of the transformer belong to the tokenizer they were trained with, so start it anew:
#   --cfg-options model.tokenizer.init_cfg.checkpoint=work_dirs/vqgan_coco_amodal/iter_3000.pth
#   load_from=None
#
# For the published model on a GPU copy c2f_cocoa.py and vqgan_cocoa.py, and in their data bases
# (_base_/datasets/cocoa.py, cocoa_masks.py) put type='CocoAmodalDataset' and your own files.
_base_ = [
    '_base_/models/c2f_light.py',
    '_base_/datasets/coco_amodal.py',
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
load_from = 'weights/c2f_general.pth'

default_hooks = dict(
    checkpoint=dict(interval=300),
    visualization=dict(type='AmodalVisualizationHook', num_val_samples=8),
)
