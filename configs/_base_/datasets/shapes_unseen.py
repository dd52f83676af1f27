"""As shapes.py, tested on the two families of shapes that no training sees.

A recipe lists it in place of ``shapes.py``.
"""

_base_ = ['shapes.py']

test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/shapes_test_unseen.json',
        data_prefix=dict(img='test_unseen'),
    ),
)
