"""A small residual encoder for crops of 128 px, made to train on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from c2fseg.registry import MODELS


class ConvBNReLU(nn.Sequential):
    """3x3 convolution, BatchNorm and (by choice) ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the convolution.
        act: End with a ReLU.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, act: bool = True):
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        ]
        if act:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class LightResidual(nn.Module):
    """Two 3x3 convolutions with a shortcut.

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvBNReLU(channels, channels)
        self.conv2 = ConvBNReLU(channels, channels, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """(M,C,h,w) to (M,C,h,w)."""
        return F.relu(x + self.conv2(self.conv1(x)))


@MODELS.register_module()
class LightEncoder(BaseModule):
    """Four stages of residual blocks; the default strides are 2, 4, 8, 8.

    On a crop of 128 px the last map has 16 x 16 positions, one per mask token.

    Args:
        in_channels: Channels of the input (4 with the visible mask).
        channels: Channels of the four maps.
        strides: Stride of the first convolution of each stage.
        blocks: Residual blocks of each stage.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ValueError: If the three sequences have not four entries each.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: Sequence[int] = (24, 48, 96, 128),
        strides: Sequence[int] = (2, 2, 2, 1),
        blocks: Sequence[int] = (0, 1, 2, 2),
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        lengths = (len(channels), len(strides), len(blocks))
        if lengths != (4, 4, 4):
            raise ValueError(
                'LightEncoder: channels, strides and blocks need four entries each, '
                f'got {lengths[0]}, {lengths[1]} and {lengths[2]}'
            )
        self.in_channels = in_channels
        stages = []
        previous = in_channels
        for width, stride, count in zip(channels, strides, blocks):
            layers: list[nn.Module] = [ConvBNReLU(previous, width, stride)]
            layers += [LightResidual(width) for _ in range(count)]
            stages.append(nn.Sequential(*layers))
            previous = width
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode crops.

        Args:
            x: Crops (M,C,h,w).

        Returns:
            Four maps (M,C_i,h_i,w_i).
        """
        x = x.contiguous(memory_format=torch.channels_last)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)
