# The reference implementation's way (official/c2f_kins_intersection_official.py),
# for its published weights on the published test set.
_base_ = '../../official/c2f_kins_intersection_official.py'
