# The light model for clips: c2f_light.py with attention over frames in every block. It has all
# parameters of the image model, and begins as that model does when it starts from its weights.
_base_ = './c2f_light.py'

model = dict(
    transformer=dict(
        block=dict(
            type='SpatioTemporalBlock',
            # Half of the frames of a training clip, so that rolling carries shape from window to
            # window: four blocks reach fifteen frames.
            window_frames=6,
            window_patch=4,
            temporal=True,
            roll=True,
            wrap_around=False,
            temporal_position='rotary',
            zero_init=True,
        ),
    ),
)
