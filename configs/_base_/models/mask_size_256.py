# What makes the light mask tokenizer one for masks of 256 px: patches of 8 px in place of 4, which
# leaves 16 x 16 tokens.
tokenizer_256 = dict(mask_size=256, patch_size=8)
