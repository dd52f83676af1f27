# c2f_10k.py with the defect of c2f_150k_official.py.
_base_ = './c2f_150k_official.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=False, begin=0, end=3000),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=3000, end=10000),
]

train_cfg = dict(max_iters=10000, val_interval=1000)
