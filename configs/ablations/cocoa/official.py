# The reference implementation's way (official/c2f_cocoa_lists_official.py), for its
# published weights on the published lists.
_base_ = '../../official/c2f_cocoa_lists_official.py'
