"""How far a reconstructed mask is from the mask it was made of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from c2fseg.registry import MODELS

KINDS = ('l1', 'bce')


@MODELS.register_module()
class MaskReconstructionLoss(nn.Module):
    """Mean absolute difference or binary cross entropy over all pixels.

    Source: C2F-Seg, ICCV 2023, supplementary A.1 and its code (L1); the cross entropy is ours.

    Args:
        kind: ``l1`` compares masks; ``bce`` compares logits with the mask.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If ``kind`` is unknown.
    """

    def __init__(self, kind: str = 'l1', loss_weight: float = 1.0) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind of a reconstruction loss must be one of {KINDS}, got '{kind}'")
        self.kind = kind
        self.loss_weight = loss_weight

    @property
    def needs_logits(self) -> bool:
        """Whether `forward` compares logits instead of a mask."""
        return self.kind == 'bce'

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Loss of a prediction (M, 1, H, W), logits for ``bce``, against a mask, a scalar."""
        prediction = prediction.float()
        if self.kind == 'bce':
            loss = F.binary_cross_entropy_with_logits(prediction, target)
        else:
            loss = F.l1_loss(prediction, target)
        return self.loss_weight * loss
