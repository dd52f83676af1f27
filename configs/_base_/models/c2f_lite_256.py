# The light architecture for crops of 256 px: the encoder's last stage halves once more, so that
# there is one position per token; logits are 256 px as well.
_base_ = ['./c2f_lite.py', './mask_size_256.py']

tokenizer = {{_base_.tokenizer_256}}
model = dict(tokenizer={{_base_.tokenizer_256}}, backbone=dict(strides=(2, 2, 2, 2)))
