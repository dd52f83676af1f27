"""The built-in shapes and photographs with clicks and boxes, half of the draws each.

All objects of the photographs count, not the whole ones alone; half of them are hidden further
behind others, cut out of the same pictures. For the data see shapes_prompts.py and
coco_occlusions.py.
"""

_base_ = './shapes_prompts.py'

photograph_annotations = dict(
    type='CocoInstanceDataset',
    data_root='data/coco',
    ann_file='annotations/instances_train2017.json',
    data_prefix=dict(img='train2017'),
)
load = [dict(type='LoadFrames', cache_size=128), dict(type='LoadAmodalMasks')]
photographs = dict(
    **photograph_annotations,
    min_area=400,
    whole=dict(border_margin=None, min_main_piece=0.0, max_contact=1.0),
    pipeline=[
        *load,
        dict(
            type='SynthesizedOcclusion',
            occluders=dict(
                **photograph_annotations,
                pipeline=load,
                min_area=600,
                whole=dict(border_margin=2, min_main_piece=0.9, max_contact=0.3),
            ),
            same_picture_prob=0.4,
            prob=0.5,
            hidden_range=(0.05, 0.6),
            max_occluders=1,
        ),
        *_base_.train_pipeline[2:],
    ],
)

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='MixedDataset',
        datasets=[{{_base_.train_dataloader.dataset}}, photographs],
        shares=(0.5, 0.5),
    ),
)
