# A loss on how the error of the amodal mask changes between adjacent frames.
_base_ = '../../c2f_shapes_video.py'

model = dict(train_cfg=dict(consistency_weight=1.0))
