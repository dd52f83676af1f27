"""The weight that balances the adversarial loss against the reconstruction loss."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce, is_distributed
from torch import Tensor


def adaptive_adversarial_weight(
    reconstruction_loss: Tensor,
    adversarial_loss: Tensor,
    weight: Tensor,
    delta: float = 1e-6,
    max_weight: float | None = None,
) -> Tensor:
    """||grad of L_rec|| / (||grad of L_GAN|| + delta), both with respect to one layer's weight.

    Under distributed training the gradients are averaged over the processes before their norms
    are taken, so that the result is that of one process with the whole batch.

    Source: C2F-Seg, ICCV 2023, supplementary A.1.

    Args:
        reconstruction_loss: Scalar whose graph reaches ``weight``.
        adversarial_loss: Scalar whose graph reaches ``weight``.
        weight: Weight of the decoder's last layer.
        delta: Keeps the quotient finite.
        max_weight: Upper bound of the result, None for none.

    Returns:
        A scalar without gradient. Both graphs are kept.
    """
    (rec_grad,) = torch.autograd.grad(reconstruction_loss, weight, retain_graph=True)
    (adv_grad,) = torch.autograd.grad(adversarial_loss, weight, retain_graph=True)
    if is_distributed():
        grads = torch.stack([rec_grad, adv_grad])
        all_reduce(grads, op='mean')
        rec_grad, adv_grad = grads
    quotient = rec_grad.norm() / (adv_grad.norm() + delta)
    return quotient.clamp(max=max_weight).detach() if max_weight is not None else quotient.detach()
