# C2F-Seg for clips as published (8 blocks with attention over frames, refined and coarse
# probabilities added), with what the paper leaves open: rotary positions in time and no look from
# the end of a clip to its beginning. The recipes set windows shorter than their clips.
_base_ = './c2f_published.py'

model = dict(
    transformer=dict(
        depth=8,
        block=dict(
            type='SpatioTemporalBlock',
            window_frames=12,
            window_patch=4,
            temporal=True,
            roll=True,
            wrap_around=False,
            temporal_position='rotary',
            zero_init=False,
        ),
    ),
    test_cfg=dict(fuse_coarse=True),
)
