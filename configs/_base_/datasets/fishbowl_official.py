"""As fishbowl.py, with clips and windows as the reference implementation lays them.

The last of 16 or 32 frames is a copy of the one before, and counts nowhere. A recipe lists it in
place of ``fishbowl.py``.
"""

_base_ = ['fishbowl.py']

# Each window starts where its frame's own does and is filled up with zeros at the right and below.
track_scale = 'corner'

train_pipeline = [
    dict(type='SampleClip', num_frames={{_base_.train_frames}}, mode='random', hold_last=True),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.enlarge}},
        track_scale=track_scale,
    ),
    dict(
        type='PerturbVisibleMask',
        blur_prob=0.1,
        morph_prob=0.5,
        dilate_prob=0.5,
        extra_blur_prob=0.1,
        morph_rounds=(1, 4),
        kernel_sides=(5, 13),
        blur_side=35,
        blur_sigma=11.0,
    ),
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    dict(type='SampleClip', num_frames={{_base_.test_frames}}, mode='start', hold_last=True),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size={{_base_.crop_size}},
        enlarge={{_base_.enlarge}},
        track_scale=track_scale,
    ),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
