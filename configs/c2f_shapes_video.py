# The light model on the built-in clips; two CPU cores are enough. It starts from the image model
# that ships in weights/, its attention over frames from nothing. On two cores, two processes of one
# thread train faster than one of two:
# OMP_NUM_THREADS=1 tools/dist_train.sh configs/c2f_shapes_video.py 2 \
#     --cfg-options train_dataloader.batch_size=3
_base_ = [
    '_base_/models/c2f_light_video.py',
    '_base_/datasets/shapes_video.py',
    '_base_/schedules/c2f_light_video.py',
    '_base_/default_runtime.py',
]

model = dict(init_cfg=dict(type='Pretrained', checkpoint='weights/c2f_shapes.pth'))

default_hooks = dict(
    checkpoint=dict(interval=100),
    logger=dict(interval=20),
    visualization=dict(type='AmodalVisualizationHook', num_val_samples=4),
)
