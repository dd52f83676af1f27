# The published mask tokenizer for masks of 128 px: a quarter of the channels and one level less, so
# that there are 16 x 16 tokens; blocks, upsampling and codebook size are the published ones.
tokenizer = dict(
    type='MaskAutoencoder',
    mask_size=128,
    base_channels=32,
    channel_multipliers=(1, 1, 2, 4),
    num_encoder_blocks=2,
    num_decoder_blocks=3,
    num_middle_blocks=2,
    latent_channels=64,
    codebook_size=256,
    patch_size=1,
    upsample='nearest',
    norm_groups=8,
    norm_eps=1e-6,
    dropout=0.0,
    output_activation='sigmoid',
    revive_every=20,
)
