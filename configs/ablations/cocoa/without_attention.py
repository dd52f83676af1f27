# Table 3 of the paper's supplement: the refiner without the mask-guided attention map.
_base_ = '../../c2f_cocoa.py'

model = dict(refiner=dict(attention=False))
