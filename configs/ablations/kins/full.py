# c2f_kins itself: the row that the others are compared with.
_base_ = '../../c2f_kins.py'
