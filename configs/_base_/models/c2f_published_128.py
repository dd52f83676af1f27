# The published architecture, scaled down to crops of 128 px and to what two CPU cores can train:
# the same parts and inputs as c2f_published.py (ResNet without the visible mask as input, twelve
# layers, a refiner that sees the coarse mask and the features alone), narrower. It exists to be
# compared with the light architecture on equal data; losses are those of c2f_light.py, so that the
# architecture is what differs.
_base_ = './tokenizer_published_128.py'

model = dict(
    type='C2FSeg',
    data_preprocessor=dict(
        type='AmodalDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    # Stride 8 at the end, so that a crop of 128 px has one position per token.
    backbone=dict(type='ResNet', depth=18, strides=(1, 2, 1, 1), bn_eval=False),
    feature_channels=(64, 128, 256, 512),
    backbone_visible_mask=False,
    tokenizer={{_base_.tokenizer}},
    transformer=dict(
        type='MaskedTransformer',
        feature_dims=144,
        visible_dims=72,
        amodal_dims=72,
        depth=12,
        num_heads=9,
        mlp_ratio=4.0,
        dropout=0.0,
        block=dict(type='SpatialBlock'),
    ),
    refiner=dict(
        type='ConvRefiner',
        feature_dims=128,
        channels=(128, 64, 32, 16),
        attention=True,
        output_scale=2,
        use_visible_mask=False,
        use_coarse_mask=False,
        state_channels=None,
    ),
    decoder=dict(
        scheduler=dict(type='CosineMaskScheduler'),
        num_steps=3,
        top_k=3,
        temperature=4.5,
        greedy=False,
    ),
    train_cfg=dict(
        min_mask_ratio=0.5,
        mask_ratio_per='object',
        token_positions='masked',
        label_smoothing=0.1,
        coarse_top_k=5,
        refine_loss='bce_dice',
        refine_size='logits',
        autocast='bfloat16',
    ),
    test_cfg=dict(threshold=0.5, seed=0, upsample='bilinear'),
)
