# c2f_movid_a itself: the row that the others are compared with.
_base_ = '../../c2f_movid_a.py'
