# Pictures in [0, 1] without mean and deviation, as in the reference implementation.
_base_ = '../../c2f_shapes.py'

model = dict(data_preprocessor=dict(mean=None, std=None))
