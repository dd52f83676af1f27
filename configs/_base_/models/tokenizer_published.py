# The mask tokenizer with the published numbers: 256-px masks, 16 x 16 tokens, 256 codes.
# Source: C2F-Seg, ICCV 2023, supplementary A.1.
tokenizer = dict(
    type='MaskAutoencoder',
    mask_size=256,
    base_channels=128,
    channel_multipliers=(1, 1, 2, 2, 4),
    num_encoder_blocks=2,
    num_decoder_blocks=3,
    num_middle_blocks=2,
    latent_channels=256,
    codebook_size=256,
    patch_size=1,
    upsample='nearest',
    norm_groups=32,
    norm_eps=1e-6,
    dropout=0.0,
    output_activation='clamp',
    revive_every=20,
)
