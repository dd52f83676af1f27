# Table 2 of the paper's supplement: no attention over frames.
_base_ = '../../c2f_movid_a.py'

model = dict(transformer=dict(block=dict(temporal=False)))
