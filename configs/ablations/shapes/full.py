# c2f_shapes itself: the row that the others are compared with.
_base_ = '../../c2f_shapes.py'
