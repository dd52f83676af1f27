"""The convolutional encoder of the mask tokenizer: mask to latent map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2fseg.models.utils import runs_eagerly

from .norm_swish import GroupNormSwish
from .pixel_classes import encode_by_classes
from .resampling import Downsample
from .residual_block import ResidualBlock

# Further down, most pixels see an edge of the mask.
_SHARED_LEVELS = 2


class EncoderLevel(nn.Module):
    """The residual blocks of one resolution and the way down to the next.

    Args:
        blocks: Residual blocks, in order.
        downsample: What halves the resolution, or None at the last level.
    """

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = nn.Identity() if downsample is None else downsample

    def forward(self, x: Tensor) -> Tensor:
        """(M, C_in, h, w) to (M, C_out, h', w') with h' = h / 2, or h at the last level."""
        for block in self.blocks:
            x = block(x)
        return self.downsample(x)


class MaskEncoder(nn.Module):
    """Levels of residual blocks with a stride-2 convolution between them.

    Source: C2F-Seg, ICCV 2023, supplementary A.1. The defaults are the published numbers.

    Args:
        in_channels: Channels of the mask.
        base_channels: Channels after the first convolution.
        channel_multipliers: Channels of each level as multiples of ``base_channels``. There are
            ``len(channel_multipliers) - 1`` halvings of the resolution.
        num_blocks: Residual blocks a level.
        num_middle_blocks: Residual blocks after the last level.
        out_channels: Channels of the latent map.
        patch_size: The picture is first folded in patches of this many pixels a side (a strided
            stem without a convolution at full resolution); 1 leaves it as it is.
        norm_groups: Groups of every normalisation layer.
        norm_eps: Epsilon of every normalisation layer.
        dropout: Dropout in the residual blocks.
    """

    def __init__(
        self,
        in_channels: int = 1,
        base_channels: int = 128,
        channel_multipliers: Sequence[int] = (1, 1, 2, 2, 4),
        num_blocks: int = 2,
        num_middle_blocks: int = 2,
        out_channels: int = 256,
        patch_size: int = 1,
        norm_groups: int = 32,
        norm_eps: float = 1e-6,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        block_args = {
            'norm_groups': norm_groups,
            'norm_eps': norm_eps,
            'dropout': dropout,
            'exact_norms': True,  # which code a latent vector is nearest to depends on its digits
        }
        self.conv_in = nn.Conv2d(in_channels * patch_size**2, base_channels, 3, padding=1)
        self.levels = nn.ModuleList()
        channels = base_channels
        for index, multiplier in enumerate(channel_multipliers):
            width = base_channels * multiplier
            inputs = [channels] + [width] * (num_blocks - 1)
            blocks = [ResidualBlock(c, width, **block_args) for c in inputs]
            is_last = index == len(channel_multipliers) - 1
            self.levels.append(EncoderLevel(blocks, None if is_last else Downsample(width)))
            channels = width
        self.middle = nn.Sequential(
            *(ResidualBlock(channels, channels, **block_args) for _ in range(num_middle_blocks))
        )
        self.norm_out = GroupNormSwish(channels, norm_groups, norm_eps, exact=True)
        self.conv_out = nn.Conv2d(channels, out_channels, 3, padding=1)

    @property
    def stride(self) -> int:
        """Pixels of the mask to one position of the latent map."""
        return self.patch_size * 2 ** (len(self.levels) - 1)

    def forward(self, mask: Tensor) -> Tensor:
        """Mask (M, C_in, H, W) to latent map (M, C_out, H / stride, W / stride)."""
        left = self.levels
        if self._may_share(mask):
            x = encode_by_classes(self.conv_in, self.levels[:_SHARED_LEVELS], mask)
            left = self.levels[_SHARED_LEVELS:]
        else:
            x = F.pixel_unshuffle(mask, self.patch_size)  # (M, C_in p p, H/p, W/p)
            x = self.conv_in(x)
        for level in left:
            x = level(x)  # (M, C, h, w), half of it after every level but the last
        x = self.middle(x)
        return self.conv_out(self.norm_out(x))  # (M, C_out, gh, gw)

    @property
    def shares_pixels(self) -> bool:
        """Whether pixels that see the same are computed once, without gradient.

        It pays on a CPU, where the fine levels take most of the time, and in full precision. How
        many pixels are left depends on the mask, so no graph can hold it and a GPU would have to be
        waited for.
        """
        weight = self.conv_in.weight
        in_full = weight.device.type == 'cpu' and weight.dtype == torch.float32
        return in_full and self.conv_in.in_channels == 1

    def _may_share(self, mask: Tensor) -> bool:
        """Whether they may be for this mask, here and now."""
        return (
            self.shares_pixels
            and runs_eagerly(mask)
            and mask.dtype == torch.float32
            and len(mask) > 0
            and not (self.training or torch.is_grad_enabled() or torch.is_autocast_enabled('cpu'))
        )
