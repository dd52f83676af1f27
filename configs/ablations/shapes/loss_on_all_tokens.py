# The token loss counts every position, hidden or not, as published.
_base_ = '../../c2f_shapes.py'

model = dict(train_cfg=dict(token_positions='all'))
