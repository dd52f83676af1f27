# The refiner knows the visible mask only through the tokens (and the encoder's fourth channel).
_base_ = '../../c2f_shapes.py'

model = dict(refiner=dict(use_visible_mask=False))
