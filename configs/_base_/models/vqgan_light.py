# The trainer of the light mask tokenizer: binary cross entropy alone, no discriminator.
_base_ = './tokenizer_light.py'

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
