"""As kins.py, with pictures read as BGR in training.

So the reference implementation reads those of objects with given visible masks; those of its test,
it reads as RGB. A recipe lists it in place of ``kins.py``.
"""

_base_ = ['kins.py']

train_pipeline = [
    dict(type='LoadFrames', channel_order='bgr'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size={{_base_.crop_size}}, enlarge={{_base_.enlarge}}),
    dict(
        type='PerturbVisibleMask',
        blur_prob=0.2,
        morph_prob=0.4,
        dilate_prob=0.55,
        extra_blur_prob=0.1,
        morph_rounds=(1, 4),
        kernel_sides=(5, 13),
        blur_side=35,
        blur_sigma=11.0,
    ),
    dict(type='PackAmodalInputs'),
]

train_dataloader = dict(
    # Objects come one by one, not by pictures.
    sampler=dict(_delete_=True, type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline),
)
