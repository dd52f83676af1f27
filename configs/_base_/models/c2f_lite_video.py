# The light architecture for clips: c2f_light_video.py, which has attention over frames in every
# block, with the refiner of c2f_lite.py.
_base_ = './c2f_light_video.py'

model = dict(
    refiner=dict(
        _delete_=True,
        type='SubpixelRefiner',
        channels=(64, 48, 32),
        state_channels=192,
        output_scale=2,
    ),
)
