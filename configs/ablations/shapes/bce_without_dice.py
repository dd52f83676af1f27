# The refiner learns by binary cross entropy alone, as published.
_base_ = '../../c2f_shapes.py'

model = dict(train_cfg=dict(refine_loss='bce'))
