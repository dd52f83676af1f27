# Table 2 of the paper's supplement: no attention over frames.
_base_ = '../../c2f_shapes_video.py'

model = dict(
    # Nothing to leave out of an image model's weights; of a video model's, this attention.
    init_cfg=dict(drop_temporal=True),
    transformer=dict(block=dict(temporal=False)),
)
