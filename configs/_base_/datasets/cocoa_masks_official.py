"""As cocoa_masks.py, with windows around the amodal box, as the reference implementation lays them.

A recipe lists it in place of ``cocoa_masks.py``.
"""

_base_ = ['cocoa_masks.py']

box_from = 'amodal'

train_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.train_enlarge}},
        box_from=box_from,
    ),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]
test_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.test_enlarge}},
        box_from=box_from,
    ),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
