# Stage 1 on your own data: the light mask tokenizer, going on from the one that ships and knows the
# built-in shapes. c2f_coco_amodal.py does without; try it where your objects look unlike those,
# thin or full of holes. For one from nothing give --cfg-options load_from=None. Data:
# docs/datasets.md.
_base_ = [
    '_base_/models/tokenizer_light.py',
    '_base_/datasets/coco_amodal_masks.py',
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
load_from = 'weights/vqgan_shapes.pth'

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
