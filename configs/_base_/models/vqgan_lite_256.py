# The trainer of the light mask tokenizer for masks of 256 px.
_base_ = ['./vqgan_light.py', './mask_size_256.py']

tokenizer = {{_base_.tokenizer_256}}
model = dict(autoencoder={{_base_.tokenizer_256}})
