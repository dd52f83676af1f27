# Stage 1 on Fishbowl as the published code trains it: hinge loss, linear generator loss, 0.25 on
# the codebook term, delta 1e-4, adaptive weight at most 1e4 and times 0.75, no revival of dead
# codes; 32 codes of 32 channels, and 300 k iterations whose rate is halved every 100 k.
_base_ = ['../vqgan_fishbowl.py']

model = dict(
    autoencoder=dict(latent_channels=32, codebook_size=32, revive_every=None),
    adversarial_loss=dict(discriminator_loss='hinge', generator_loss='linear'),
    codebook_weight=0.25,
    commitment_weight=1.0,
    adversarial_weight=0.75,
    adaptive_delta=1e-4,
    max_adaptive_weight=1e4,
)
param_scheduler = [dict(type='StepLR', by_epoch=False, step_size=100000, gamma=0.5)]
train_cfg = dict(max_iters=300000)
