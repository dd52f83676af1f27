# The refiner does not read the transformer's last state.
_base_ = '../../c2f_shapes.py'

model = dict(refiner=dict(state_channels=None))
