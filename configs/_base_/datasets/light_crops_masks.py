"""Crops for the light mask tokenizer: square, 128 px, no picture is read; see light_crops.py."""

light_crop_size = 128

light_train_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=light_crop_size, enlarge=(1.5, 3.0), square=True),
    dict(type='FlipObject', prob=0.5),
    # Stage 2 tokenises visible masks as well, so the tokenizer should have seen some.
    dict(type='ChooseMaskTarget', visible_prob=1 / 3),
    dict(type='PackMaskInputs'),
]
light_test_pipeline = [
    dict(type='LoadAmodalMasks'),
    dict(type='CropObject', crop_size=light_crop_size, enlarge=2.0, square=True),
    dict(type='ChooseMaskTarget', visible_prob=0.0),
    dict(type='PackMaskInputs'),
]
