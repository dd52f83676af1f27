# Predictions for your own data without truth: c2f_coco_amodal.py, whose test split needs
# visible_mask and no segmentation. Nothing is scored:
#   python tools/test.py configs/c2f_coco_amodal_predict.py WEIGHTS --out predictions.json
# Where there is no visible mask either, give the results of a detector with --cfg-options
# test_dataloader.dataset.visible_mask_file=FILE.json.
_base_ = 'c2f_coco_amodal.py'

test_dataloader = dict(
    dataset=dict(
        inference=True,
        pipeline=[
            dict(type='LoadFrames'),
            dict(type='LoadAmodalMasks'),
            dict(
                type='CropObject',
                crop_size={{_base_.crop_size}},
                enlarge={{_base_.enlarge}},
                square=True,
            ),
            dict(type='PackAmodalInputs'),
        ],
    ),
)
test_evaluator = dict(_delete_=True, type='AmodalPredictions', out_file='outputs/predictions.json')
