"""Ordinary COCO instance masks for the mask tokenizer: all of them, hidden in part or not."""

_base_ = ['shapes_masks.py']

data_root = 'data/coco'
objects = dict(
    type='CocoInstanceDataset',
    data_root=data_root,
    min_area=400,
    # Nothing is asked of them but a size: a tokenizer has to know visible masks as well.
    whole=dict(border_margin=None, min_main_piece=0.0, max_contact=1.0),
)

train_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=128, enlarge=(1.5, 3.0), square=True),
    dict(type='FlipObject', prob=0.5),
    dict(type='WarpObject', prob=0.5),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]

train_dataloader = dict(
    dataset=dict(
        **objects,
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        **objects,
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017'),
    ),
)
test_dataloader = val_dataloader
