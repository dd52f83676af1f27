"""Changes of resolution between the levels of the mask tokenizer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2fseg.models.utils import conv_upsampled, fold_upsampling


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

    Computed as one transposed convolution 4x4 of stride 2 with the same result: two of the three
    pixels that a row of the kernel sees are copies of one pixel, so their weights can be added
    first. An output pixel then costs 4 products a channel pair instead of 9.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.folded: nn.ConvTranspose2d | None = None

    @torch.no_grad()
    def prepare_inference(self) -> None:
        """Folds the weights once; they must not change any more."""
        c_out, c_in = self.conv.weight.shape[:2]
        folded = nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1).to(self.conv.weight)
        folded.weight.copy_(fold_upsampling(self.conv.weight))
        folded.bias.copy_(self.conv.bias)
        self.folded = folded.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C_in, h, w) to (M, C_out, 2 h, 2 w)."""
        if self.folded is not None:
            return self.folded(x)  # (M, C_out, 2 h, 2 w)
        return conv_upsampled(self.conv, x, (2 * x.shape[-2], 2 * x.shape[-1]))  # (M,C_out,2h,2w)


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
