"""How the visible mask is perturbed in training on pictures of a few hundred pixels.

Milder than published: the visible slivers of crowded scenes are a few pixels wide, and four rounds
of the published kernels leave nothing of their shape.
"""

light_noise = dict(
    type='PerturbVisibleMask',
    blur_prob=0.1,
    morph_prob=0.3,
    dilate_prob=0.55,
    extra_blur_prob=0.1,
    morph_rounds=(1, 2),
    kernel_sides=(2, 4),
    blur_side=9,
    blur_sigma=2.5,
)
