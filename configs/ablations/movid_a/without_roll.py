# Table 2 of the paper's supplement: windows that never move.
_base_ = '../../c2f_movid_a.py'

model = dict(transformer=dict(block=dict(roll=False)))
