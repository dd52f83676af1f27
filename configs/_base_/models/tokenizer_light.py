# The light mask tokenizer: 128-px masks, 16 x 16 tokens of 64 channels, 256 codes, under 1 GFLOP.
# For 256-px masks set mask_size=256 and patch_size=8.
tokenizer = dict(
    type='MaskAutoencoder',
    mask_size=128,
    base_channels=64,
    channel_multipliers=(1, 2),
    num_encoder_blocks=1,
    num_decoder_blocks=1,
    num_middle_blocks=0,
    latent_channels=64,
    codebook_size=256,
    patch_size=4,
    upsample='shuffle',
    norm_groups=8,
    norm_eps=1e-6,
    dropout=0.0,
    output_activation='sigmoid',
    revive_every=20,
)
