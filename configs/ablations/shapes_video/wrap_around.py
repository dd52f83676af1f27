# The last and the first frames see each other where the roll joins them, as published.
_base_ = '../../c2f_shapes_video.py'

model = dict(transformer=dict(block=dict(wrap_around=True)))
