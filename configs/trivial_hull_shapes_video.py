# The convex hull of the visible mask as the answer, on the built-in clips.
# python tools/test.py configs/trivial_hull_shapes_video.py none
_base_ = ['trivial_visible_shapes_video.py']

model = dict(method='convex_hull')
