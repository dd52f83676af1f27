# Stage 1 on the built-in shapes: the light mask tokenizer.
_base_ = [
    '_base_/models/tokenizer_light.py',
    '_base_/datasets/shapes_masks.py',
    '_base_/schedules/vqgan_light.py',
    '_base_/default_runtime.py',
]

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

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
