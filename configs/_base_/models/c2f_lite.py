# The light architecture with the refiner that makes full resolution once, in its last layer: all
# else is that of c2f_light.py. Medium size; configs/lite has a smaller and a larger one.
_base_ = './c2f_light.py'

model = dict(
    refiner=dict(
        _delete_=True,
        type='SubpixelRefiner',
        channels=(64, 48, 32),
        # The width of the transformer's state: feature, visible and amodal dims together.
        state_channels=192,
        output_scale=2,
    ),
)
