"""The built-in shapes and photographs together, half of the draws each.

Shapes teach how things go on where they are hidden; photographs, what things look like. For the
data see shapes.py and coco_occlusions.py.
"""

_base_ = './coco_occlusions.py'

shapes = dict(
    type='KINSDataset',
    data_root='data/shapes',
    ann_file='annotations/shapes_train.json',
    data_prefix=dict(img='train'),
    # Whole objects teach the model to copy: those over 5 % hidden come four times as often.
    occluded_repeat=4,
    pipeline=[
        dict(type='LoadFrames'),
        dict(type='LoadAmodalMasks'),
        dict(type='CropObject', crop_size=128, enlarge=(1.7, 2.3), square=True),
        {{_base_.light_noise}},
        dict(type='FlipObject', prob=0.5),
        dict(type='JitterColours'),
        dict(type='PackAmodalInputs'),
    ],
)
photographs = {{_base_.train_dataloader.dataset}}

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='MixedDataset',
        datasets=[shapes, photographs],
        shares=(0.5, 0.5),
    ),
)
