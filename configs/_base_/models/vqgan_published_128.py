# The trainer of the published tokenizer at 128 px; losses are those of vqgan_light.py.
_base_ = './tokenizer_published_128.py'

model = dict(
    type='MaskVQGAN',
    data_preprocessor=dict(type='AmodalDataPreprocessor'),
    autoencoder={{_base_.tokenizer}},
    discriminator=None,
    reconstruction_loss=dict(type='MaskReconstructionLoss', kind='bce'),
    perceptual_loss=None,
    adversarial_loss=None,
    codebook_weight=1.0,
    commitment_weight=0.25,
    autocast='bfloat16',
)
