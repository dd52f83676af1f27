# As c2f_cocoa_official.py, on the published lists: a mix of objects with predicted visible masks
# and objects with given ones. Crops are laid around the detector's boxes where there are any and
# around the amodal box elsewhere; pictures of objects with given masks are read as BGR, the others
# as RGB.
# Gates, from the authors' issue tracker, not run here: 3,255 objects, of which 1,507 count as
# occluded; full / occluded mIoU raw 80.23 / 29.48, post 80.26 / 27.54. The published loader cannot
# score predicted masks as released, so what the published 80.28 / 27.71 was run on is not known.
#   data/COCOA/c2f_seg_{train,test}_list.txt, fusion_{train,test}.pkl   from the authors' release
#   data/COCOA/annotations/COCO_amodal_{train,val}2014_with_classes.json
#   data/COCOA/{train,val}2014/*.jpg
_base_ = 'c2f_cocoa_official.py'

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
    {{_base_.noise}},
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
        type='COCOAListDataset',
        data_root={{_base_.data_root}},
        ann_file='c2f_seg_train_list.txt',
        pickle_file='fusion_train.pkl',
        annotation_file='annotations/COCO_amodal_train2014_with_classes.json',
        image_template='COCO_train2014_{:012d}.jpg',
        given_channel_order='bgr',
        data_prefix=dict(img='train2014'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='COCOAListDataset',
        data_root={{_base_.data_root}},
        ann_file='c2f_seg_test_list.txt',
        pickle_file='fusion_test.pkl',
        annotation_file='annotations/COCO_amodal_val2014_with_classes.json',
        image_template='COCO_val2014_{:012d}.jpg',
        given_channel_order='bgr',
        data_prefix=dict(img='val2014'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(visible_source='pred:published_lists')
test_evaluator = val_evaluator
