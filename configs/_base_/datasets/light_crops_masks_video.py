"""Crops for the light mask tokenizer on clips: light_crops_masks.py, one frame at a time."""

light_crop_size = 128

light_train_pipeline = [
    dict(type='SampleClip', num_frames=1, mode='random'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=light_crop_size, enlarge=(1.5, 3.0), square=True),
    dict(type='FlipObject', prob=0.5),
    dict(type='ChooseMaskTarget', visible_prob=1 / 3),
    dict(type='PackMaskInputs'),
]
light_test_pipeline = [
    dict(type='SampleClip', num_frames=1, mode='centre'),
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=light_crop_size, enlarge=2.0, square=True),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]
