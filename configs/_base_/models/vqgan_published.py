# The trainer of the published mask tokenizer (C2F-Seg, ICCV 2023, supplementary A.1).
# The perceptual loss needs VGG-16 weights: a path to torchvision's vgg16 file, or
# 'torchvision://vgg16' where there is a network. Without it: model.perceptual_loss=None.
_base_ = './tokenizer_published.py'

model = dict(
    type='MaskVQGAN',
    data_preprocessor=dict(type='AmodalDataPreprocessor'),
    autoencoder={{_base_.tokenizer}},
    discriminator=dict(
        type='PatchDiscriminator',
        in_channels=1,
        base_channels=64,
        num_layers=2,
        norm_cfg=dict(type='BN'),
    ),
    reconstruction_loss=dict(type='MaskReconstructionLoss', kind='l1'),
    perceptual_loss=dict(type='PerceptualLoss', vgg_weights='torchvision://vgg16'),
    adversarial_loss=dict(
        type='AdversarialLoss', discriminator_loss='vanilla', generator_loss='minimax'
    ),
    codebook_weight=1.0,
    commitment_weight=0.25,
    adversarial_weight=1.0,
    adaptive_delta=1e-6,
    max_adaptive_weight=None,
    adversarial_start=0,
)
