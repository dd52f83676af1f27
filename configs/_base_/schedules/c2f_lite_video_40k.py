# Stage 2 of the light architecture on clips: c2f_lite_40k.py, made for 8 clips of 12 frames each.
_base_ = './c2f_lite_40k.py'

optim_wrapper = dict(optimizer=dict(lr=4e-4))
