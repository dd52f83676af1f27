# From a click or a box to a visible mask, on crops of 128 px: the light encoder, which sees the
# prompt as two more channels and starts from that of the general amodal model, and a decoder.
model = dict(
    type='PromptSegmentor',
    data_preprocessor=dict(
        type='AmodalDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    backbone=dict(
        type='LightEncoder',
        in_channels=5,
        channels=(24, 48, 96, 128),
        strides=(2, 2, 2, 1),
        blocks=(0, 1, 2, 2),
        init_cfg=dict(type='Pretrained', checkpoint='weights/c2f_general.pth', prefix='backbone.'),
    ),
    decoder=dict(in_channels=(24, 48, 96, 128), channels=(96, 64, 48, 32)),
    score_weight=1.0,
    autocast='bfloat16',
)
