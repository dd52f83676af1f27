"""Upsampling costs less than half and gives the same."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from c2fseg.models.tokenizers.resampling import NearestUpsample


@pytest.mark.parametrize('size', [(1, 1), (5, 8)])
def test_nearest_upsampling_is_that_of_the_paper(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = NearestUpsample(3, 4).double()
    x = torch.randn(2, 3, *size, dtype=torch.double, requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    enlarged = F.interpolate(twin, scale_factor=2.0, mode='nearest')
    expected = F.conv2d(enlarged, layer.conv.weight, layer.conv.bias, padding=1)
    out = layer(x)
    torch.testing.assert_close(out, expected)

    (out * expected.detach()).sum().backward()
    folded = layer.conv.weight.grad
    layer.conv.weight.grad = None
    (expected * expected.detach()).sum().backward()
    torch.testing.assert_close(folded, layer.conv.weight.grad)
    torch.testing.assert_close(x.grad, twin.grad)


def test_nearest_upsampling_takes_4_products_a_pixel_and_not_9() -> None:
    layer = NearestUpsample(3, 4)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.randn(1, 3, 16, 16))
    operations = counter.get_flop_counts()['Global'][torch.ops.aten.convolution]
    assert operations == 2 * 4 * 3 * 4 * 32 * 32  # taps, channels in, channels out, pixels
