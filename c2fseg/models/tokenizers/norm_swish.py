"""GroupNorm and swish in one: the step between two convolutions of the mask tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from c2fseg.models.utils import runs_eagerly


class GroupNormSwish(nn.GroupNorm):
    """``silu(group_norm(x))``, with the parameters of a GroupNorm.

    With gradient, on a CPU and in channels-last layout, the backward pass is written out as
    products of matrices: torch's own walks that layout against the grain and takes three times as
    long, half of a training step of the tokenizer.

    Args:
        channels: Channels of the input.
        groups: Groups.
        eps: Epsilon of the normalisation.
        exact: Keep the digits of single precision. On a CPU and in channels-last layout torch adds
            squares up one by one, and in an encoder that leaves up to 7e-4 of the largest latent,
            which moves tokens of masks to a neighbouring code. Takes 1.5 to 3 times as long; only
            without gradient, and not in code that is compiled or exported.

    Raises:
        ValueError: If ``groups`` does not divide ``channels``.
    """

    def __init__(self, channels: int, groups: int, eps: float, exact: bool = False) -> None:
        if channels % groups:
            raise ValueError(
                f'norm_groups must divide the number of channels of every level: '
                f'{channels} channels do not split into {groups} groups'
            )
        super().__init__(groups, channels, eps=eps)
        self.exact = exact

    def forward(self, x: Tensor) -> Tensor:
        """(M, C, h, w) to (M, C, h, w); without gradient the swish is computed in place."""
        by_pixels = x.device.type == 'cpu' and x.is_contiguous(memory_format=torch.channels_last)
        if torch.is_grad_enabled():
            if by_pixels:
                return _ChannelsLast.apply(x, self.weight, self.bias, self.num_groups, self.eps)
            return F.silu(super().forward(x))
        if self.exact and by_pixels and x.dtype == torch.float32 and runs_eagerly(x):
            weight, bias = (a.view(-1, 1, 1) for a in (self.weight, self.bias))  # (C, 1, 1)
            return normalise_swish(x, self._group_mean, weight, bias, self.eps)
        return F.silu(super().forward(x), inplace=True)

    def _group_mean(self, x: Tensor) -> Tensor:
        """(M, C, h, w) to (M, C, 1, 1), the same for all channels of a group."""
        per_group = x.shape[1] // self.num_groups
        # Sums over pixels first: torch adds those up in pairs.
        mean = x.mean(dim=(2, 3)).unflatten(1, (-1, per_group)).mean(dim=2)  # (M, G)
        return mean.repeat_interleave(per_group, dim=1)[..., None, None]


def normalise_swish(
    x: Tensor,
    group_mean: Callable[[Tensor], Tensor],
    weight: Tensor,
    bias: Tensor,
    eps: float,
) -> Tensor:
    """Group normalisation and swish without gradient, whatever the means are taken over.

    Args:
        x: Numbers; they stay as they are.
        group_mean: Mean of the group of each number, in a shape that goes with ``x``.
        weight: Scale of the channels, likewise.
        bias: Shift of the channels, likewise.
        eps: Epsilon of the normalisation.

    Returns:
        As ``x``.
    """
    x = x - group_mean(x)
    scale = (group_mean(x.square()) + eps).rsqrt() * weight
    return F.silu(x.mul_(scale).add_(bias), inplace=True)


class _ChannelsLast(Function):
    """The forward pass is torch's own."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float
    ) -> Tensor:
        """(M, C, h, w) to (M, C, h, w)."""
        m, c, height, width = x.shape
        h, mean, rstd = torch.native_group_norm(
            x, weight, bias, m, c, height * width, groups, eps
        )  # (M, C, h, w), (M, G), (M, G)
        ctx.save_for_backward(x, h, weight, mean, rstd)
        return F.silu(h)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient (M, C, h, w) of the output to those of input, weight and bias.

        With n = (x - mean) rstd and h = n w + b, and sums over a group of P numbers, the gradient
        of x is rstd (g w - sum(g w) / P - n sum(g w n) / P), where g is the gradient of h: a sum of
        g, x and a constant, each times a number a channel.
        """
        x, h, weight, mean, rstd = ctx.saved_tensors
        m, groups = mean.shape
        per_group = x.shape[1] // groups
        grad = torch.ops.aten.silu_backward(grad, h)  # (M, C, h, w)
        sum_g, sum_gx = _sum_pixels(grad), _sum_pixels(grad * x)  # (M, C)
        weight, mean, rstd = (_full(a) for a in (weight, mean, rstd))
        grouped = (m, groups, per_group)
        mean, rstd = mean[..., None], rstd[..., None]  # (M, G, 1)
        sum_gn = (sum_gx.view(grouped) - mean * sum_g.view(grouped)) * rstd  # (M, G, C/G)
        w = weight.view(1, groups, per_group)
        count = per_group * x.shape[2] * x.shape[3]
        mean_gw = (sum_g.view(grouped) * w).sum(dim=2, keepdim=True) / count  # (M, G, 1)
        mean_gwn = (sum_gn * w).sum(dim=2, keepdim=True) / count  # (M, G, 1)
        of_g = rstd * w  # (M, G, C/G)
        of_x = (-mean_gwn * rstd.square()).expand(grouped)
        rest = (-mean_gw * rstd + mean_gwn * rstd.square() * mean).expand(grouped)
        of_g, of_x, rest = (a.reshape(m, -1, 1, 1).to(x.dtype) for a in (of_g, of_x, rest))
        grad_x = torch.addcmul(rest, x, of_x).addcmul_(grad, of_g)  # (M, C, h, w)
        grad_weight = sum_gn.reshape(m, -1).sum(dim=0).to(ctx.saved_tensors[2].dtype)  # (C,)
        grad_bias = sum_g.sum(dim=0).to(grad_weight.dtype)  # (C,)
        return grad_x, grad_weight, grad_bias, None, None


def _sum_pixels(x: Tensor) -> Tensor:
    """Sums (M, C) over the pixels of a channels-last map (M, C, h, w), as a product."""
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (M, h w, C), a view
    ones = x.new_ones(1, 1, pixels.shape[1]).expand(len(x), -1, -1)  # (M, 1, h w)
    return _full(torch.bmm(ones, pixels)[:, 0])  # (M, C)


def _full(x: Tensor) -> Tensor:
    """A tensor of at least single precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
