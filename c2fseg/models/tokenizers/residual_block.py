"""The residual block that encoder and decoder of the mask tokenizer are built from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .norm_swish import GroupNormSwish


class ResidualBlock(nn.Module):
    """Norm, swish, conv 3x3, norm, swish, dropout, conv 3x3, plus the input.

    Source: C2F-Seg, ICCV 2023, supplementary A.1 (the block of VQGAN without attention).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output; a 1x1 convolution fits the input to them if they
            differ.
        norm_groups: Groups of both normalisation layers.
        norm_eps: Epsilon of both normalisation layers.
        dropout: Probability of dropping an activation before the second convolution.
        exact_norms: See ``exact`` of :class:`GroupNormSwish`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm_groups: int = 32,
        norm_eps: float = 1e-6,
        dropout: float = 0.0,
        exact_norms: bool = False,
    ) -> None:
        super().__init__()
        self.norm1 = GroupNormSwish(in_channels, norm_groups, norm_eps, exact_norms)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = GroupNormSwish(out_channels, norm_groups, norm_eps, exact_norms)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C_in, h, w) to (M, C_out, h, w)."""
        y = self.conv1(self.norm1(x))  # (M, C_out, h, w)
        y = self.conv2(self.dropout(self.norm2(y)))
        shortcut = self.shortcut(x)  # (M, C_out, h, w)
        # Without gradient no other map is needed: large ones cost more to allocate than to add.
        return shortcut + y if torch.is_grad_enabled() else y.add_(shortcut)
