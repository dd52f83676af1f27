# No position in time, as published.
_base_ = '../../c2f_shapes_video.py'

model = dict(transformer=dict(block=dict(temporal_position=None)))
