# The encoder sees the photograph alone.
_base_ = '../../c2f_shapes.py'

model = dict(backbone=dict(in_channels=3), backbone_visible_mask=False)
