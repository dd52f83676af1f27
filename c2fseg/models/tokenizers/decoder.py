"""The convolutional decoder of the mask tokenizer: quantised latent map to mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .norm_swish import GroupNormSwish
from .resampling import NearestUpsample, ShuffleUpsample
from .residual_block import ResidualBlock

UPSAMPLING = ('nearest', 'shuffle')


class DecoderLevel(nn.Module):
    """The residual blocks of one resolution and the way up to the next.

    Args:
        blocks: Residual blocks, in order.
        upsample: What doubles the resolution, or None at the last level.
    """

    def __init__(self, blocks: Sequence[nn.Module], upsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.upsample = nn.Identity() if upsample is None else upsample

    def forward(self, x: Tensor) -> Tensor:
        """(M, C_in, h, w) to (M, C_out, h', w') with h' = 2 h, or h at the last level."""
        for block in self.blocks:
            x = block(x)
        return self.upsample(x)


class MaskDecoder(nn.Module):
    """The encoder's mirror: residual blocks, doubled resolution from level to level.

    Levels are numbered in the order in which they run, from low to high resolution. The output
    has no activation; `MaskAutoencoder` adds it.

    Source: C2F-Seg, ICCV 2023, supplementary A.1. The defaults are the published numbers.

    Args:
        in_channels: Channels of the latent map.
        base_channels: Channels of the last level, at a multiplier of one.
        channel_multipliers: As the encoder's, from high to low resolution.
        num_blocks: Residual blocks a level.
        num_middle_blocks: Residual blocks before the first level.
        out_channels: Channels of the mask.
        patch_size: The last map is unfolded to patches of this many pixels a side.
        upsample: ``nearest`` (nearest neighbour, then a convolution that keeps the channels, as
            published) or ``shuffle`` (a convolution to the next level's channels at the low
            resolution, then pixel shuffle).
        norm_groups: Groups of every normalisation layer.
        norm_eps: Epsilon of every normalisation layer.
        dropout: Dropout in the residual blocks.

    Raises:
        ValueError: If ``upsample`` is not a known name.
    """

    def __init__(
        self,
        in_channels: int = 256,
        base_channels: int = 128,
        channel_multipliers: Sequence[int] = (1, 1, 2, 2, 4),
        num_blocks: int = 3,
        num_middle_blocks: int = 2,
        out_channels: int = 1,
        patch_size: int = 1,
        upsample: str = 'nearest',
        norm_groups: int = 32,
        norm_eps: float = 1e-6,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if upsample not in UPSAMPLING:
            raise ValueError(f"decoder upsample must be one of {UPSAMPLING}, got '{upsample}'")
        self.patch_size = patch_size
        block_args = {'norm_groups': norm_groups, 'norm_eps': norm_eps, 'dropout': dropout}
        widths = [base_channels * m for m in reversed(channel_multipliers)]
        channels = widths[0]
        self.conv_in = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.middle = nn.Sequential(
            *(ResidualBlock(channels, channels, **block_args) for _ in range(num_middle_blocks))
        )
        self.levels = nn.ModuleList()
        for index, width in enumerate(widths):
            inputs = [channels] + [width] * (num_blocks - 1)
            blocks = [ResidualBlock(c, width, **block_args) for c in inputs]
            channels = width
            up: nn.Module | None = None
            if index < len(widths) - 1 and upsample == 'nearest':
                up = NearestUpsample(width, width)
            elif index < len(widths) - 1:
                channels = widths[index + 1]
                up = ShuffleUpsample(width, channels)
            self.levels.append(DecoderLevel(blocks, up))
        self.norm_out = GroupNormSwish(channels, norm_groups, norm_eps)
        self.conv_out = nn.Conv2d(channels, out_channels * patch_size**2, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """Latent map (M, C_in, gh, gw) to raw mask (M, C_out, H, W), no activation."""
        x = self.middle(self.conv_in(latent))  # (M, C, gh, gw)
        for level in self.levels:
            x = level(x)  # (M, C, h, w), twice of it after every level but the last
        x = self.conv_out(self.norm_out(x))  # (M, C_out p p, H/p, W/p)
        return F.pixel_shuffle(x, self.patch_size)  # (M, C_out, H, W)
