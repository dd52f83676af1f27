# The light video model with all its options: what the others of this folder are compared with.
_base_ = '../../c2f_shapes_video.py'
