# The refiner without the mask-guided attention map (the paper's Table 3).
_base_ = '../../c2f_shapes.py'

model = dict(refiner=dict(attention=False))
