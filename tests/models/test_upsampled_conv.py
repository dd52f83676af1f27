"""A convolution behind an upsampling, against the two one after the other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from c2fseg.models.utils import conv_upsampled


@pytest.mark.parametrize('growth', [1, 2, 4])
@pytest.mark.parametrize('extra_channels', [0, 2])
def test_same_as_upsampling_first(growth: int, extra_channels: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3 + extra_channels, 5, 3, padding=1).double()
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    size = (4 * growth, 6 * growth)
    extra = torch.randn(2, extra_channels, *size).double() if extra_channels else None
    grown = F.interpolate(x, size=size, mode='nearest')
    expected = conv(grown if extra is None else torch.cat([grown, extra], dim=1))
    found = conv_upsampled(conv, x, size, extra)
    torch.testing.assert_close(found, expected)
    upstream = torch.randn_like(expected)
    inputs = (x, conv.weight, conv.bias)
    for ours, plain in zip(
        torch.autograd.grad(found, inputs, upstream),
        torch.autograd.grad(expected, inputs, upstream),
    ):
        torch.testing.assert_close(ours, plain)


def test_hand_computed() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(torch.arange(1.0, 10.0).view(1, 1, 3, 3))
        conv.bias.fill_(0.5)
    # One pixel of 2 becomes four; the upper left one has neighbours right, below and between.
    expected = torch.tensor([[2 * (5 + 6 + 8 + 9), 2 * (4 + 5 + 7 + 8)],
                             [2 * (2 + 3 + 5 + 6), 2 * (1 + 2 + 4 + 5)]]) + 0.5  # fmt: skip
    found = conv_upsampled(conv, torch.full((1, 1, 1, 1), 2.0), (2, 2))
    torch.testing.assert_close(found[0, 0], expected)
