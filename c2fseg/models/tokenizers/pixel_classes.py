"""The fine levels of the mask encoder, computed once for all pixels that see the same.

Most pixels of a mask see nothing but background or nothing but the object as far as a fine level
looks. What convolutions make of them depends on which of both it is, and on the distance to the
border of the picture. So such pixels share one row of features, only those near an edge of the mask
have rows of their own, and layers run over rows instead of pixels: the same numbers up to rounding
for a small part of the operations.

The shared rows are those of two small pictures, one all background and one all object, that have
each distance to the border once; their pixels have the neighbours that those of the mask have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .norm_swish import GroupNormSwish, normalise_swish
from .residual_block import ResidualBlock

if TYPE_CHECKING:
    from .encoder import EncoderLevel

# Above this share of pixels with rows of their own, gathering costs more than it saves.
_LARGEST_SHARE = 0.4
# Rows that are gathered at a time: what a product reads still lies in the cache.
_CHUNK = 1024


class Reach(NamedTuple):
    """The rows of the mask that row i of a level sees: stride i - before to stride i + after.

    Columns likewise. With two blocks a level: (1, 5, 5) in the first, where rows are at 5 + 1 + 5
    places, and (2, 13, 15) in the second, with 7 + 1 + 7.

    Attributes:
        stride: Pixels of the mask to one of the level.
        before: How far it sees up and to the left.
        after: How far it sees down and to the right.
    """

    stride: int
    before: int
    after: int

    @property
    def first_places(self) -> int:
        """Rows of the level, from the first on, that see beyond the border of the picture."""
        return -(-self.before // self.stride)

    @property
    def last_places(self) -> int:
        """Rows of the level, up to the last, that see beyond the border of the picture."""
        return self.after // self.stride

    @property
    def side(self) -> int:
        """Places that a row may be at: each of those, and inside."""
        return self.first_places + 1 + self.last_places

    def widen(self, convolutions: int) -> Reach:
        """After convolutions 3x3 with padding 1."""
        step = convolutions * self.stride
        return Reach(self.stride, self.before + step, self.after + step)

    def halve(self) -> Reach:
        """After a convolution 3x3 of stride 2, whose padding is one row below, one column right."""
        return Reach(2 * self.stride, self.before, self.after + 2 * self.stride)


class PixelClasses(NamedTuple):
    """Pixels of a level, those that see the same in one class; class 0 is all that lies outside.

    First come the shared classes, by value, place of the row and place of the column, then one for
    each pixel of its own.

    Attributes:
        reach: What a pixel sees.
        own: Bool (h, w), pixels that share with no other.
        of_pixel: (h, w), the class of each pixel.
        neighbours: (P, 9), the classes of the 3x3 pixels around a pixel of each class but 0.
        share: (P,), the share of all pixels that are in each class but 0.
    """

    reach: Reach
    own: Tensor
    of_pixel: Tensor
    neighbours: Tensor
    share: Tensor


def find_classes(mask: Tensor, reach: Reach) -> PixelClasses | None:
    """Sorts the pixels of a level by what they see.

    Args:
        mask: (H, W).
        reach: What a pixel sees.

    Returns:
        The classes, or None where there are too few pixels to share: the mask is too small, too
        rough, holds other values than 0 and 1, or does not divide by the stride.
    """
    stride, side = reach.stride, reach.side
    height, width = mask.shape
    if min(height, width) < stride * side or height % stride or width % stride:
        return None
    highest, lowest = _highest(mask, reach), -_highest(-mask, reach)  # (h, w)
    own = (highest != lowest) | ((lowest != 0) & (lowest != 1))
    num_shared, num_own = 2 * side * side, int(own.sum())
    if num_shared + num_own > _LARGEST_SHARE * own.numel():
        return None
    rows, columns = (_places(length, reach) for length in own.shape)
    of_pixel = 1 + (lowest.long() * side + rows[:, None]) * side + columns
    of_pixel[own] = 1 + num_shared + torch.arange(num_own)
    around = _windows(of_pixel)[own].flatten(1)  # (num_own, 9)
    shared = _windows(_uniform_pictures(side, reach)).reshape(-1, 9)
    count = of_pixel.flatten().bincount(minlength=1 + num_shared + num_own)[1:]  # (P,)
    share = count.to(mask.dtype) / own.numel()
    return PixelClasses(reach, own, of_pixel, torch.cat([shared, around]), share)


def find_sources(coarse: PixelClasses, fine: PixelClasses) -> Tensor:
    """The classes of a level (P, 9) that the convolution of stride 2 behind it reads for the next.

    Args:
        coarse: Pixels of the next level, P classes.
        fine: Pixels of the level.
    """
    below = _windows(fine.of_pixel, stride=2)[coarse.own].flatten(1)  # (num_own, 9)
    shared = _windows(_uniform_pictures(2 * coarse.reach.side, fine.reach), stride=2)
    return torch.cat([shared.reshape(-1, 9), below])


def encode_by_classes(conv: nn.Conv2d, levels: Sequence[EncoderLevel], mask: Tensor) -> Tensor:
    """A convolution of a mask and the first levels of an encoder, without gradient or dropout.

    Args:
        conv: 3x3 with padding 1, of one channel.
        levels: The levels, at least one.
        mask: (M, 1, H, W), at least one.

    Returns:
        (M, C, h, w) in channels-last layout.
    """
    # One mask after the other: its rows stay in the cache, and others do not change its numbers.
    maps = torch.cat([_encode_mask(conv, levels, one[None]) for one in mask])
    return maps.contiguous(memory_format=torch.channels_last)


def _encode_mask(conv: nn.Conv2d, levels: Sequence[EncoderLevel], mask: Tensor) -> Tensor:
    """(1, 1, H, W) to (1, C, h, w): by classes as far as they pay, then by pixels."""
    x, classes, done = mask, None, 0
    for reach, level in zip(_reaches(levels), levels):
        found = find_classes(mask[0, 0], reach)
        if found is None:
            break
        if classes is None:
            size = reach.side**2
            values = [mask.new_zeros(size), mask.new_ones(size), mask[0, 0][found.own]]
            x = _convolve(conv, torch.cat(values)[:, None], found.neighbours)  # (P, C)
        else:
            x = _convolve(levels[done - 1].downsample.conv, x, find_sources(found, classes))
        for block in level.blocks:
            x = _run_block(block, x, found)
        classes, done = found, done + 1
    if classes is None:
        x = conv(mask)
    else:
        rows = x.index_select(0, classes.of_pixel.flatten() - 1)  # (h w, C)
        x = rows.view(1, *classes.of_pixel.shape, -1).permute(0, 3, 1, 2)  # (1, C, h, w)
        x = levels[done - 1].downsample(x)
    for level in levels[done:]:
        x = level(x)
    return x


def _reaches(levels: Sequence[EncoderLevel]) -> Iterator[Reach]:
    """What a pixel sees behind the blocks of each level; the first begins with a convolution."""
    reach = Reach(1, 1, 1)
    for index, level in enumerate(levels):
        reach = (reach.halve() if index else reach).widen(2 * len(level.blocks))
        yield reach


def _highest(mask: Tensor, reach: Reach) -> Tensor:
    """The highest value (h, w) that each pixel of a level sees inside the picture."""
    before, after = reach.before, reach.after + 1 - reach.stride
    x = F.pad(mask[None], (before, after, before, after), value=-torch.inf)
    length, stride = reach.before + reach.after + 1, reach.stride
    x = F.max_pool2d(x, (length, 1), stride=(stride, 1))
    return F.max_pool2d(x, (1, length), stride=(1, stride))[0]


def _places(length: int, reach: Reach) -> Tensor:
    """Places (length,) of the rows of a level: those at the start, inside, those at the end."""
    row = torch.arange(length)
    at_end = (row - (length - reach.last_places - 1)).clamp(min=0)
    return row.clamp(max=reach.first_places) + at_end


def _uniform_pictures(length: int, reach: Reach) -> Tensor:
    """Classes (2, length, length) of the pixels of two pictures, one of background, one of object.

    With a length of ``reach.side`` every shared class comes once, in order.
    """
    place, value = _places(length, reach), torch.arange(2)[:, None, None]
    return 1 + (value * reach.side + place[:, None]) * reach.side + place


def _windows(classes: Tensor, stride: int = 1) -> Tensor:
    """What a convolution 3x3 reads of classes (..., h, w): (..., h', w', 3, 3), a view."""
    padding = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)
    return F.pad(classes, padding).unfold(-2, 3, stride).unfold(-2, 3, stride)


def _run_block(block: ResidualBlock, x: Tensor, classes: PixelClasses) -> Tensor:
    """Rows (P, C_in) to (P, C_out)."""
    y = _convolve(block.conv1, _normalise(block.norm1, x, classes.share), classes.neighbours)
    y = _convolve(block.conv2, _normalise(block.norm2, y, classes.share), classes.neighbours)
    if isinstance(block.shortcut, nn.Conv2d):  # 1x1
        x = F.linear(x, block.shortcut.weight.flatten(1), block.shortcut.bias)
    return y.add_(x)


def _convolve(conv: nn.Conv2d, x: Tensor, sources: Tensor) -> Tensor:
    """A convolution 3x3 of rows (P, C_in) as products: (Q, C_out), from the classes (Q, 9)."""
    x = F.pad(x, (0, 0, 1, 0))  # (P + 1, C_in): outside there are zeros
    weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (9 C_in, C_out)
    out = x.new_empty(len(sources), conv.out_channels)
    for around, part in zip(sources.split(_CHUNK), out.split(_CHUNK)):
        patches = x.index_select(0, around.flatten()).view(-1, len(weight))  # (chunk, 9 C_in)
        torch.addmm(conv.bias, patches, weight, out=part)
    return out


def _normalise(norm: GroupNormSwish, x: Tensor, share: Tensor) -> Tensor:
    """What ``norm`` does with pixels, on rows (P, C) that stand for a share of the pixels each."""
    per_group = x.shape[1] // norm.num_groups

    def group_mean(rows: Tensor) -> Tensor:
        """(P, C) to (C,), the same for all channels of a group."""
        # A sum adds up in pairs, a product one by one: too coarse for a thousand pixels and more.
        mean = (rows * share[:, None]).sum(dim=0).view(-1, per_group).mean(dim=1)  # (G,)
        return mean.repeat_interleave(per_group)

    return normalise_swish(x, group_mean, norm.weight, norm.bias, norm.eps)
