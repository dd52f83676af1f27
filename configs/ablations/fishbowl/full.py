# c2f_fishbowl itself: the row that the others are compared with.
_base_ = '../../c2f_fishbowl.py'
