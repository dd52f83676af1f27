"""A convolution behind a nearest-neighbour upsampling, without the big map in between."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def fold_upsampling(weight: Tensor) -> Tensor:
    """The transposed convolution (stride 2, padding 1) that upsamples and convolves at once.

    Args:
        weight: (C_out, C_in, 3, 3) of a convolution with padding 1 behind a nearest neighbour x2.

    Returns:
        (C_in, C_out, 4, 4).
    """
    for dim in (2, 3):
        # Once every pixel is there twice, an output pixel at an even place sees its left neighbour
        # once (w0) and its own pixel twice (w1 + w2), one at an odd place its own twice (w0 + w1)
        # and its right neighbour once (w2); in the order of a transposed convolution.
        w0, w1, w2 = weight.unbind(dim)
        weight = torch.stack([w2, w1 + w2, w0 + w1, w0], dim)
    return weight.transpose(0, 1)  # (C_in, C_out, 4, 4)


def conv_upsampled(
    conv: nn.Conv2d, x: Tensor, size: Sequence[int], extra: Tensor | None = None
) -> Tensor:
    """``conv`` of ``x``, resized to ``size`` by nearest neighbour, and of ``extra`` beside it.

    Where the size is doubled, the same is computed from the small map: see
    :func:`fold_upsampling`.

    Args:
        conv: 3x3, stride 1, padding 1; its first channels see ``x``, the others ``extra``.
        x: (M, C, h, w).
        size: (h', w').
        extra: (M, C', h', w'), or None.

    Returns:
        (M, C_out, h', w').
    """
    size = tuple(size)
    if size == (2 * x.shape[-2], 2 * x.shape[-1]):
        channels = x.shape[1]
        weight = fold_upsampling(conv.weight[:, :channels])
        y = F.conv_transpose2d(x, weight, conv.bias, stride=2, padding=1)  # (M, C_out, h', w')
        return y if extra is None else y + F.conv2d(extra, conv.weight[:, channels:], padding=1)
    if size != tuple(x.shape[-2:]):
        x = F.interpolate(x, size=size, mode='nearest')  # (M, C, h', w')
    return conv(x if extra is None else torch.cat([x, extra], dim=1))
