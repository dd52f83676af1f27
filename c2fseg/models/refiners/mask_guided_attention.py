"""Where in the crop the features look like those under the coarse mask."""

from __future__ import annotations

from torch import Tensor

# Keeps the mean finite when the coarse mask is empty.
_EPSILON = 1e-6


def mask_guided_attention(feat: Tensor, mask: Tensor) -> Tensor:
    """Attention of the mask's mean feature to all positions (C2F-Seg, ICCV 2023, section 3.3).

    Args:
        feat: Features (M,C,gh,gw).
        mask: Coarse mask (M,1,gh,gw) in [0, 1].

    Returns:
        Attention map (M,1,gh,gw), float32, that sums to 1 over the positions.
    """
    positions = feat.float().flatten(2)  # (M,C,gh*gw)
    weight = mask.float().flatten(2)  # (M,1,gh*gw)
    key = (positions * weight).sum(dim=2) / (weight.sum(dim=2) + _EPSILON)  # (M,C)
    # A matrix product would run in the dtype of an autocast around.
    scores = (key.unsqueeze(2) * positions).sum(dim=1, keepdim=True).softmax(dim=-1)  # (M,1,gh*gw)
    return scores.view(feat.shape[0], 1, *feat.shape[2:])  # (M,1,gh,gw)
