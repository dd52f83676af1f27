"""Crops for the light models on clips: light_crops.py in time, 12 frames in training.

How many frames a test takes is the protocol's: recipes write that pipeline themselves.
"""

_base_ = ['noise_light.py']

light_crop_size = 128
# Every window of a clip has the size of the largest, so that an object keeps its size.
light_track_scale = 'centre'

light_train_pipeline = [
    # One after the other or every second one.
    dict(type='SampleClip', num_frames=12, mode='random', interval=(1, 2)),
    dict(type='LoadFrames'),
    dict(type='LoadAmodalMasks'),
    dict(
        type='CropObject',
        crop_size=light_crop_size,
        enlarge=(1.7, 2.3),
        square=True,
        track_scale=light_track_scale,
    ),
    {{_base_.light_noise}},
    dict(type='FlipObject', prob=0.5),
    dict(type='JitterColours'),
    dict(type='PackAmodalInputs'),
]
light_test_crop = dict(
    type='CropObject',
    crop_size=light_crop_size,
    enlarge=2.0,
    square=True,
    track_scale=light_track_scale,
)
