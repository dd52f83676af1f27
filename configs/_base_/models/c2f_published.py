# C2F-Seg as published: ResNet-50 with a last stage of stride 1, a masked transformer of 12 layers
# over 16 x 16 tokens, 3 decoding steps, the convolutional refiner. Crops of 256 px.
_base_ = './tokenizer_published.py'

model = dict(
    type='C2FSeg',
    # Weights of the backbone were trained on pictures normalised like this.
    data_preprocessor=dict(
        type='AmodalDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        bn_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    feature_channels=(256, 512, 1024, 2048),
    backbone_visible_mask=False,
    tokenizer={{_base_.tokenizer}},
    transformer=dict(
        type='MaskedTransformer',
        feature_dims=384,
        visible_dims=192,
        amodal_dims=192,
        depth=12,
        num_heads=12,
        mlp_ratio=4.0,
        dropout=0.01,
        block=dict(type='SpatialBlock'),
    ),
    refiner=dict(
        type='ConvRefiner',
        feature_dims=256,
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
        mask_ratio_per='batch',
        token_positions='all',
        label_smoothing=0.1,
        coarse_top_k=5,
        refine_loss='bce',
        refine_size='crop',
    ),
    test_cfg=dict(threshold=0.5, seed=0, upsample='nearest'),
)
