"""As cocoa.py, with what the reference implementation does to objects with given visible masks.

Their window is laid around the **amodal** box, which tells the model how far the object reaches,
and their pictures are read as BGR. A recipe lists it in place of ``cocoa.py``.
"""

_base_ = ['cocoa.py']

box_from = 'amodal'
channel_order = 'bgr'

train_pipeline = [
    dict(type='LoadFrames', channel_order=channel_order),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.enlarge}},
        box_from=box_from,
    ),
    {{_base_.noise}},
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    dict(type='LoadFrames', channel_order=channel_order),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.enlarge}},
        box_from=box_from,
    ),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
