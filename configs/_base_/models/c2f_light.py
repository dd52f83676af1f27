# A light C2F-Seg for crops of 128 px and 16 x 16 tokens that trains on two CPU cores. It differs
# from the published model not in size alone: the visible mask is the fourth channel of the encoder
# and an input of the refiner at full resolution.
_base_ = './tokenizer_light.py'

model = dict(
    type='C2FSeg',
    data_preprocessor=dict(
        type='AmodalDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    backbone=dict(
        type='LightEncoder',
        in_channels=4,
        channels=(24, 48, 96, 128),
        strides=(2, 2, 2, 1),
        blocks=(0, 1, 2, 2),
    ),
    feature_channels=(24, 48, 96, 128),
    backbone_visible_mask=True,
    tokenizer={{_base_.tokenizer}},
    transformer=dict(
        type='MaskedTransformer',
        feature_dims=96,
        visible_dims=48,
        amodal_dims=48,
        depth=4,
        num_heads=6,
        mlp_ratio=4.0,
        # Dropout would cost a tenth of a training step on a CPU.
        dropout=0.0,
        block=dict(type='SpatialBlock'),
    ),
    refiner=dict(
        type='ConvRefiner',
        feature_dims=64,
        channels=(64, 48, 32, 16),
        attention=True,
        # Logits at the full size of the crop: legs, handles and stalks are a pixel or two wide.
        output_scale=2,
        use_visible_mask=True,
        use_coarse_mask=False,
        state_channels=192,
    ),
    decoder=dict(
        scheduler=dict(type='CosineMaskScheduler'),
        # One step scores best after a short training (docs/benchmarks.md); published: three.
        num_steps=1,
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
