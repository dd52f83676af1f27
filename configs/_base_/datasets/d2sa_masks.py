"""D2SA for the mask tokenizer: amodal masks only, no picture is read."""

_base_ = ['kins_masks.py']

dataset_type = 'D2SADataset'
data_root = 'data/D2SA'
img_folder = 'd2s_amodal_images_v1/images'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='d2s_amodal_annotations_v1/D2S_amodal_training_rot0.json',
        data_prefix=dict(img=img_folder),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='d2s_amodal_annotations_v1/D2S_amodal_validation.json',
        data_prefix=dict(img=img_folder),
    ),
)
test_dataloader = val_dataloader
