# As c2f_kins_official.py, on the published lists: objects with visible masks predicted by AISFormer
# and objects with given ones. Crops are laid around the detector's boxes where there are any and
# around i_bbox elsewhere. In training, pictures of objects with given masks are read as BGR and the
# others as RGB, so that the network sees both; the test reads all of them as RGB.
#   data/KINS/c2f_seg_{train,test}_list.txt, fusion_{train,test}.pkl   from the authors' release
#   data/KINS/annotations/update_{train,test}_2020.json                KINS 2020: given masks
#   data/KINS/annotations/instances_{train,val}.json                   KINS v1: names of pictures
_base_ = 'c2f_kins_official.py'

crop = dict(
    type='CropObject',
    crop_size={{_base_.crop_size}},
    enlarge={{_base_.enlarge}},
    box_from='record',
)
train_pipeline = [
    dict(type='LoadFrames', channel_order='record'),
    dict(type='LoadAmodalMasks'),
    crop,
    dict(
        type='PerturbVisibleMask',
        blur_prob=0.2,
        morph_prob=0.4,
        dilate_prob=0.55,
        extra_blur_prob=0.1,
        morph_rounds=(1, 4),
        kernel_sides=(5, 13),
        blur_side=35,
        blur_sigma=11.0,
    ),
    dict(type='PackAmodalInputs'),
]
test_pipeline = [
    dict(type='LoadFrames', channel_order='record'),
    dict(type='LoadAmodalMasks'),
    crop,
    dict(type='PackAmodalInputs', pack_full_masks=True),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='KINSListDataset',
        data_root={{_base_.data_root}},
        ann_file='c2f_seg_train_list.txt',
        pickle_file='fusion_train.pkl',
        annotation_file='annotations/update_train_2020.json',
        image_file='annotations/instances_train.json',
        given_channel_order='bgr',
        data_prefix=dict(img='training/image_2'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='KINSListDataset',
        data_root={{_base_.data_root}},
        ann_file='c2f_seg_test_list.txt',
        pickle_file='fusion_test.pkl',
        annotation_file='annotations/update_test_2020.json',
        image_file='annotations/instances_val.json',
        data_prefix=dict(img='testing/image_2'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(visible_source='pred:aisformer')
test_evaluator = val_evaluator
