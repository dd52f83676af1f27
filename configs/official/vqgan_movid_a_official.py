# Stage 1 on MOViD-A as the published code trains it: hinge loss, linear generator loss, 0.25 on the
# codebook term, delta 1e-4, adaptive weight at most 1e4 and times 0.75, no revival of dead codes.
_base_ = ['../vqgan_movid_a.py']

model = dict(
    autoencoder=dict(revive_every=None),
    adversarial_loss=dict(discriminator_loss='hinge', generator_loss='linear'),
    codebook_weight=0.25,
    commitment_weight=1.0,
    adversarial_weight=0.75,
    adaptive_delta=1e-4,
    max_adaptive_weight=1e4,
)
