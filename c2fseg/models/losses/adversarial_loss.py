"""The two sides of the adversarial loss of stage 1."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from c2fseg.registry import MODELS

DISCRIMINATOR_LOSSES = ('vanilla', 'hinge')
GENERATOR_LOSSES = ('minimax', 'non_saturating', 'linear')


@MODELS.register_module()
class AdversarialLoss(nn.Module):
    """Losses of discriminator and generator on the discriminator's logits.

    The discriminator pays the mean of its two halves:

    - ``vanilla``: -log D(x) and -log(1 - D(x^)), D being the sigmoid of the logits (the paper);
    - ``hinge``: max(0, 1 - logit) of real and max(0, 1 + logit) of fake masks (the published
      code).

    The generator pays:

    - ``minimax``: log(1 - D(x^)) (the paper);
    - ``non_saturating``: -log D(x^), whose gradient does not vanish where the discriminator wins;
    - ``linear``: minus the mean logit (the published code).

    Source: C2F-Seg, ICCV 2023, supplementary A.1.

    Args:
        discriminator_loss: ``vanilla`` or ``hinge``.
        generator_loss: ``minimax``, ``non_saturating`` or ``linear``.

    Raises:
        ValueError: If a name is unknown.
    """

    def __init__(
        self, discriminator_loss: str = 'vanilla', generator_loss: str = 'minimax'
    ) -> None:
        super().__init__()
        if discriminator_loss not in DISCRIMINATOR_LOSSES:
            raise ValueError(
                f'discriminator_loss must be one of {DISCRIMINATOR_LOSSES}, '
                f"got '{discriminator_loss}'"
            )
        if generator_loss not in GENERATOR_LOSSES:
            raise ValueError(
                f"generator_loss must be one of {GENERATOR_LOSSES}, got '{generator_loss}'"
            )
        self.discriminator_loss = discriminator_loss
        self.generator_loss = generator_loss

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Loss of the discriminator on logits of any shape, a scalar."""
        if self.discriminator_loss == 'hinge':
            real = F.relu(1.0 - real_logits).mean()
            fake = F.relu(1.0 + fake_logits).mean()
        else:
            real = F.softplus(-real_logits).mean()
            fake = F.softplus(fake_logits).mean()
        return 0.5 * (real + fake)

    def generator(self, fake_logits: Tensor) -> Tensor:
        """Loss of the generator on logits of any shape, a scalar (negative for ``minimax``)."""
        if self.generator_loss == 'linear':
            return -fake_logits.mean()
        if self.generator_loss == 'non_saturating':
            return F.softplus(-fake_logits).mean()
        return -F.softplus(fake_logits).mean()
