# c2f_cocoa itself: the row that the others are compared with.
_base_ = '../../c2f_cocoa.py'
