"""Crops for the light models on photographs: square, 128 px, of changing size, place and colour.

A recipe lists this file beside a data set's own, whose files and splits it keeps, and puts these
pipelines in place of the published ones.
"""

_base_ = ['noise_light.py']

light_crop_size = 128

light_train_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=light_crop_size, enlarge=(1.7, 2.3), square=True),
    {{_base_.light_noise}},
    dict(type='FlipObject', prob=0.5),
    dict(type='JitterColours'),
    dict(type='PackAmodalInputs'),
]
light_test_pipeline = [
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=light_crop_size, enlarge=2.0, square=True),
    dict(type='PackAmodalInputs', pack_full_masks=True),
]
