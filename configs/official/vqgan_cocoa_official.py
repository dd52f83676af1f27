# Stage 1 on COCOA as the published code trains it: losses as in vqgan_kins_official.py, windows
# around the amodal box.
_base_ = [
    '../_base_/models/vqgan_published.py',
    '../_base_/datasets/cocoa_masks_official.py',
    '../_base_/schedules/vqgan_100k.py',
    '../_base_/default_runtime.py',
]

model = dict(
    autoencoder=dict(revive_every=None),
    adversarial_loss=dict(discriminator_loss='hinge', generator_loss='linear'),
    codebook_weight=0.25,
    commitment_weight=1.0,
    adversarial_weight=0.75,
    adaptive_delta=1e-4,
    max_adaptive_weight=1e4,
)

custom_hooks = [dict(type='ReconstructionVisualizationHook', num_samples=12)]
