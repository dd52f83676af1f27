"""Changes of resolution between the levels of the mask tokenizer."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Downsample(nn.Module):
    """Convolution 3x3 with stride 2; the padding is one row below and one column to the right.

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C, h, w) to (M, C, h / 2, w / 2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # (M, C, h/2, w/2)


class NearestUpsample(nn.Module):
    """Nearest neighbour x2, then convolution 3x3.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C_in, h, w) to (M, C_out, 2 h, 2 w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode='nearest'))  # (M, C_out, 2h, 2w)


class ShuffleUpsample(nn.Module):
    """Convolution 3x3 at the low resolution, then its channels become 2x2 pixels.

    A quarter of the pixels to convolve: half the work of `NearestUpsample` when the channels are
    halved on the way.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C_in, h, w) to (M, C_out, 2 h, 2 w)."""
        return F.pixel_shuffle(self.conv(x), 2)  # (M, C_out, 2h, 2w)
