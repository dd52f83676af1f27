# Stage 2 as published for COCOA: as c2f_150k.py, but 10 k iterations with a warm-up of 3 k.
_base_ = './c2f_150k.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, by_epoch=False, begin=0, end=3000),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=3000, end=10000),
]

train_cfg = dict(max_iters=10000, val_interval=1000)
