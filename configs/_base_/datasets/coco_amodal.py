"""Your own data for the light amodal model: crops and noise of shapes.py.

For the published model list ``kins.py`` in place of ``shapes.py``, which brings its crops of 256 px
and its noise; nothing else changes.
"""

_base_ = ['shapes.py']

dataset_type = 'CocoAmodalDataset'
data_root = 'data/own'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img='images'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img='images'),
    ),
)
test_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img='images'),
    ),
)
