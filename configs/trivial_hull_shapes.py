# The convex hull of the visible mask as the answer: a prior on shape without learning.
# python tools/test.py configs/trivial_hull_shapes.py none
_base_ = ['trivial_visible_shapes.py']

model = dict(method='convex_hull')
