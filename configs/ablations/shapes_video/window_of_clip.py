# Windows as long as a training clip: rolling changes nothing there, as in the published MOViD-A.
_base_ = '../../c2f_shapes_video.py'

model = dict(transformer=dict(block=dict(window_frames=12)))
