# The reference implementation's way (official/c2f_cocoa_official.py): for its published weights.
_base_ = '../../official/c2f_cocoa_official.py'
