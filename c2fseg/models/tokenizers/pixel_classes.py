"""The first level of the mask encoder, computed once for all pixels that see the same.

Most pixels of a mask see nothing but background or nothing but the object as far as the first
level looks. What a convolution makes of them depends on which of both it is, and on the distance to
the border of the picture. So such pixels share one row of features, only those near an edge of the
mask have rows of their own, and layers run over rows instead of pixels: the same numbers up to
rounding for a small part of the operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .norm_swish import GroupNormSwish
from .residual_block import ResidualBlock

# Above this share of pixels with rows of their own, gathering costs more than it saves.
_LARGEST_SHARE = 0.4
# Rows that are gathered at a time: what a product reads still lies in the cache.
_CHUNK = 1024


class PixelClasses(NamedTuple):
    """Pixels of a mask, those that see the same in one class; class 0 is all that lies outside.

    Attributes:
        of_pixel: (H, W), the class of each pixel.
        neighbours: (P, 9), the classes of the 3x3 pixels around a pixel of each class but 0.
        share: (P,), the share of all pixels that are in each class but 0.
        value: (P, 1), the mask in each class but 0.
    """

    of_pixel: Tensor
    neighbours: Tensor
    share: Tensor
    value: Tensor


def find_classes(mask: Tensor, radius: int) -> PixelClasses | None:
    """Sorts the pixels of a mask by what they see.

    Args:
        mask: (H, W).
        radius: How far a pixel sees.

    Returns:
        The classes, or None where there are too few pixels to share: the mask is too small, too
        rough, or holds other values than 0 and 1.
    """
    side = 2 * radius + 1
    if min(mask.shape) < side:
        return None
    flat = (_highest(mask, radius) == -_highest(-mask, radius)) & ((mask == 0) | (mask == 1))
    own = ~flat
    num_own = int(own.sum())
    if num_own > _LARGEST_SHARE * mask.numel():
        return None
    first_own = 1 + 2 * side * side
    rows, columns = (_places(length, radius) for length in mask.shape)
    shared = 1 + mask.long() * side * side + rows[:, None] * side + columns
    of_pixel = torch.where(flat, shared, 0)
    of_pixel[own] = torch.arange(first_own, first_own + num_own)
    around = F.pad(of_pixel, (1, 1, 1, 1)).unfold(0, 3, 1).unfold(1, 3, 1)  # (H, W, 3, 3)
    neighbours = torch.cat([_shared_neighbours(radius), around[own].flatten(1)])  # (P, 9)
    count = of_pixel.flatten().bincount(minlength=len(neighbours) + 1)[1:]  # (P,)
    share = count.to(mask.dtype) / mask.numel()
    values = [mask.new_zeros(side * side), mask.new_ones(side * side), mask[own]]
    return PixelClasses(of_pixel, neighbours, share, torch.cat(values)[:, None])


def encode_by_classes(conv: nn.Conv2d, blocks: Iterable[nn.Module], mask: Tensor) -> Tensor:
    """A convolution of a mask and residual blocks behind it, without gradient or dropout.

    Args:
        conv: 3x3 with padding 1, of one channel.
        blocks: Residual blocks.
        mask: (M, 1, H, W).

    Returns:
        (M, C, H, W) in channels-last layout.
    """
    blocks = list(blocks)
    radius = 1 + 2 * len(blocks)
    out = mask.new_empty(len(mask), *mask.shape[2:], blocks[-1].conv2.out_channels)  # (M, H, W, C)
    # One mask after the other: its rows stay in the cache, and others do not change its numbers.
    for one, features in zip(mask, out):
        classes = find_classes(one[0], radius)
        if classes is None:  # too few pixels to share
            features.copy_(_encode_pixels(conv, blocks, one[None])[0].permute(1, 2, 0))
            continue
        x = _convolve(conv, classes.value, classes)  # (P, C)
        for block in blocks:
            x = _run_block(block, x, classes)
        torch.index_select(x, 0, classes.of_pixel.flatten() - 1, out=features.flatten(0, 1))
    return out.permute(0, 3, 1, 2)


def _encode_pixels(conv: nn.Conv2d, blocks: Iterable[nn.Module], mask: Tensor) -> Tensor:
    """The same (M, C, H, W) by the layers as they are."""
    x = conv(mask)
    for block in blocks:
        x = block(x)
    return x


def _highest(mask: Tensor, radius: int) -> Tensor:
    """The highest value (H, W) that each pixel sees inside the picture."""
    side, x = 2 * radius + 1, mask[None]
    x = F.max_pool2d(x, (side, 1), stride=1, padding=(radius, 0))
    return F.max_pool2d(x, (1, side), stride=1, padding=(0, radius))[0]


def _places(length: int, radius: int) -> Tensor:
    """Places of a row or column: 0 to r - 1 at the start, r inside, r + 1 to 2 r at the end."""
    place = torch.arange(length)
    return place.clamp(max=radius) + (place - (length - radius - 1)).clamp(min=0)


def _shared_neighbours(radius: int) -> Tensor:
    """The classes (2 (2 r + 1)^2, 9) around each pair of places, for both values."""
    side = 2 * radius + 1
    place = torch.arange(side)
    inside = place == radius  # the pixels around one that is far from the border are, too
    lines = [torch.where(inside, place, place + step) for step in (-1, 0, 1)]
    line = torch.stack(lines, dim=1)  # (side, 3), -1 and 2 r + 1 are outside
    rows, columns = line[:, None, :, None], line[None, :, None, :]
    outside = (rows < 0) | (rows >= side) | (columns < 0) | (columns >= side)
    classes = 1 + rows * side + columns  # (side, side, 3, 3)
    both = [(classes + value * side * side).masked_fill(outside, 0) for value in (0, 1)]
    return torch.stack(both).view(-1, 9)


def _run_block(block: ResidualBlock, x: Tensor, classes: PixelClasses) -> Tensor:
    """Rows (P, C_in) to (P, C_out)."""
    y = _convolve(block.conv1, _normalise(block.norm1, x, classes.share), classes)
    y = _convolve(block.conv2, _normalise(block.norm2, y, classes.share), classes)
    if isinstance(block.shortcut, nn.Conv2d):  # 1x1
        x = F.linear(x, block.shortcut.weight.flatten(1), block.shortcut.bias)
    return y.add_(x)


def _convolve(conv: nn.Conv2d, x: Tensor, classes: PixelClasses) -> Tensor:
    """A convolution 3x3 with padding 1 of rows (P, C_in), as products: (P, C_out)."""
    x = F.pad(x, (0, 0, 1, 0))  # (P + 1, C_in): outside there are zeros
    weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (9 C_in, C_out)
    out = x.new_empty(len(x) - 1, conv.out_channels)
    for around, part in zip(classes.neighbours.split(_CHUNK), out.split(_CHUNK)):
        patches = x.index_select(0, around.flatten()).view(-1, len(weight))  # (chunk, 9 C_in)
        torch.addmm(conv.bias, patches, weight, out=part)
    return out


def _normalise(norm: GroupNormSwish, x: Tensor, share: Tensor) -> Tensor:
    """Group normalisation over pixels, and swish, of rows (P, C)."""
    per_group = x.shape[1] // norm.num_groups

    def group_mean(rows: Tensor) -> Tensor:
        """(P, C) to (C,), the same for all channels of a group."""
        # A sum adds up in pairs, a product one by one: too coarse for a thousand pixels and more.
        mean = (rows * share[:, None]).sum(dim=0).view(-1, per_group).mean(dim=1)  # (G,)
        return mean.repeat_interleave(per_group)

    x = x - group_mean(x)
    scale = (group_mean(x.square()) + norm.eps).rsqrt() * norm.weight  # (C,)
    return F.silu(x.mul_(scale).add_(norm.bias), inplace=True)
