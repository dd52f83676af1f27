"""COCOA-cls for the mask tokenizer: amodal masks only, no picture is read."""

_base_ = ['kins_masks.py']

dataset_type = 'COCOADataset'
data_root = 'data/COCOA'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/COCO_amodal_train2014_with_classes.json',
        data_prefix=dict(img='train2014'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/COCO_amodal_val2014_with_classes.json',
        data_prefix=dict(img='val2014'),
    ),
)
test_dataloader = val_dataloader
