"""The fine levels of the mask encoder, computed once for all pixels that see the same.

Most pixels of a mask see nothing but background or nothing but the object as far as a fine level
looks. What convolutions make of them depends on which of both it is, and on the distance to the
border of the picture. So such pixels share one row of features, only those near an edge of the mask
have rows of their own, and layers run over rows instead of pixels: the same numbers up to rounding
for a small part of the operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .norm_swish import GroupNormSwish
from .residual_block import ResidualBlock

if TYPE_CHECKING:
    from .encoder import EncoderLevel

# Above this share of pixels with rows of their own, gathering costs more than it saves.
_LARGEST_SHARE = 0.4
# Rows that are gathered at a time: what a product reads still lies in the cache.
_CHUNK = 1024


class Reach(NamedTuple):
    """The rows of the mask that row i of a level sees: stride i - before to stride i + after.

    Columns likewise.

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
    num_own = int(own.sum())
    if num_own > _LARGEST_SHARE * own.numel():
        return None
    first_own = 1 + 2 * side * side
    rows, columns = (_places(length, reach) for length in own.shape)
    of_pixel = 1 + lowest.long() * side * side + rows[:, None] * side + columns
    of_pixel[own] = torch.arange(first_own, first_own + num_own)
    around = F.pad(of_pixel, (1, 1, 1, 1)).unfold(0, 3, 1).unfold(1, 3, 1)  # (h, w, 3, 3)
    line = _neighbour_places(reach)
    neighbours = torch.cat([_shared_classes(line, side), around[own].flatten(1)])  # (P, 9)
    count = of_pixel.flatten().bincount(minlength=len(neighbours) + 1)[1:]  # (P,)
    return PixelClasses(reach, own, of_pixel, neighbours, count.to(mask.dtype) / own.numel())


def find_sources(coarse: PixelClasses, fine: PixelClasses) -> Tensor:
    """The classes of a level (P, 9) that the convolution of stride 2 behind it reads for the next.

    Args:
        coarse: Pixels of the next level, P classes.
        fine: Pixels of the level.
    """
    below = F.pad(fine.of_pixel, (0, 1, 0, 1)).unfold(0, 3, 2).unfold(1, 3, 2)  # (h, w, 3, 3)
    line = _source_places(coarse.reach, fine.reach)
    return torch.cat([_shared_classes(line, fine.reach.side), below[coarse.own].flatten(1)])


def encode_by_classes(conv: nn.Conv2d, levels: Sequence[EncoderLevel], mask: Tensor) -> Tensor:
    """A convolution of a mask and the residual blocks of levels, without gradient or dropout.

    Args:
        conv: 3x3 with padding 1, of one channel.
        levels: Levels of an encoder; the way down behind the last is not taken.
        mask: (M, 1, H, W).

    Returns:
        (M, C, h, w) in channels-last layout.
    """
    # One mask after the other: its rows stay in the cache, and others do not change its numbers.
    maps = [_encode_mask(conv, levels, one[None]) for one in mask]
    return maps[0] if len(maps) == 1 else torch.cat(maps)


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
    if classes is not None:
        rows = x.index_select(0, classes.of_pixel.flatten() - 1)  # (h w, C)
        x = rows.view(1, *classes.of_pixel.shape, -1).permute(0, 3, 1, 2)  # (1, C, h, w)
    for index in range(done, len(levels)):
        x = levels[index - 1].downsample(x) if index else conv(x)
        for block in levels[index].blocks:
            x = block(x)
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


def _neighbour_places(reach: Reach) -> Tensor:
    """The places (side, 3) before, at and after each place; -1 and ``side`` are outside."""
    place = torch.arange(reach.side)
    inside = place == reach.first_places  # the rows around one that is far from the border are, too
    return torch.stack([torch.where(inside, place, place + step) for step in (-1, 0, 1)], dim=1)


def _source_places(coarse: Reach, fine: Reach) -> Tensor:
    """The places (side, 3) in a level of rows 2 i to 2 i + 2, row i being at each of the next."""
    place, step = torch.arange(coarse.side)[:, None], torch.arange(3)
    at_start = (2 * place + step).clamp(max=fine.first_places)
    before_end = 2 * (coarse.side - place) - step  # rows of the level that are left, with this one
    at_end = (fine.side - before_end).clamp(min=fine.first_places)
    inside = torch.tensor(fine.first_places)
    found = torch.where(place < coarse.first_places, at_start, inside)
    return torch.where(place > coarse.first_places, at_end, found)


def _shared_classes(line: Tensor, side: int) -> Tensor:
    """The classes (2 n n, 9) at 3x3 places, for both values.

    Args:
        line: Three places of rows or columns for each of n; those outside of [0, side) are outside
            of the picture.
        side: Places of a row or column.
    """
    rows, columns = line[:, None, :, None], line[None, :, None, :]
    outside = (rows < 0) | (rows >= side) | (columns < 0) | (columns >= side)
    classes = 1 + rows * side + columns  # (n, n, 3, 3)
    both = [(classes + value * side * side).masked_fill(outside, 0) for value in (0, 1)]
    return torch.stack(both).view(-1, 9)


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
