"""The refiner of the light architecture: full resolution is made once, by its last layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from c2fseg.models.refiners.layers import conv_bn_relu
from c2fseg.models.refiners.mask_guided_attention import mask_guided_attention
from c2fseg.models.utils import grow
from c2fseg.registry import REFINERS


@REFINERS.register_module()
class SubpixelRefiner(BaseModule):
    """From the coarse mask and four feature maps to both masks, in one trunk and without big maps.

    Differs from :class:`ConvRefiner` in where the work is done: no map is larger than the finest
    feature map, whose last convolution gives ``output_scale``^2 logits a position and mask, which
    pixel shuffle lays out (Shi et al., CVPR 2016). The visible mask comes in the same way, its
    pixels folded into channels, so none of them is lost. The coarse mask is read as the mean over
    each position of the last and of the second feature map. Visible and amodal mask share all
    layers.

    Args:
        in_channels: Channels of the four feature maps.
        channels: Channels after the fusion on the token grid, of the trunk at the second feature
            map, and of the layer at the first.
        state_channels: Channels D of the transformer's last state, fed beside the last map.
        output_scale: Resolution of the logits in units of the first feature map.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ValueError: If ``in_channels`` has not four entries or ``channels`` not three, or the scale
            is below 1.
    """

    use_visible_mask = True

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int] = (64, 48, 32),
        state_channels: int = 192,
        output_scale: int = 2,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(in_channels) != 4 or len(channels) != 3:
            raise ValueError(
                'SubpixelRefiner: four in_channels and three channels expected, got '
                f'{tuple(in_channels)} and {tuple(channels)}'
            )
        if output_scale < 1:
            raise ValueError(
                f'SubpixelRefiner: output_scale must be at least 1, got {output_scale}'
            )
        self.state_channels = state_channels
        self.output_scale = output_scale
        fused, trunk, fine = channels
        pixels = output_scale**2
        self.last_proj = nn.Conv2d(in_channels[3], fused, 1)
        self.state_proj = nn.Conv2d(state_channels, fused, 1)
        self.fuse = conv_bn_relu(fused + 2, fused)  # beside the attention and the coarse mask
        self.adapter3 = nn.Conv2d(in_channels[2], fused, 1)
        self.adapter2 = nn.Conv2d(in_channels[1], fused, 1)
        self.trunk = conv_bn_relu(fused + 1, trunk)  # beside the coarse mask
        self.adapter1 = nn.Conv2d(in_channels[0], trunk, 1)
        self.fine = conv_bn_relu(trunk + pixels, fine)  # beside the visible mask
        self.out = nn.Conv2d(fine, 2 * pixels, 3, padding=1)

    def forward(
        self, feats: Sequence[Tensor], coarse: Tensor, visible_mask: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Refine coarse masks.

        Args:
            feats: Four feature maps (M,C_i,h_i,w_i), the finest first.
            coarse: Coarse masks (M,1,H,W) in [0, 1].
            visible_mask: Visible masks (M,1,H,W).
            state: Last state of the transformer (M,D,h_4,w_4).

        Returns:
            Visible and amodal logits, each (M,1,h,w) with (h,w) = ``output_scale`` * (h_1,w_1).
        """
        last = feats[3]
        x = self.last_proj(last) + self.state_proj(state.to(last.dtype))  # (M,C,h_4,w_4)
        small = _mean_to(coarse, x)  # (M,1,h_4,w_4)
        guided = mask_guided_attention(last, small).to(x.dtype)  # (M,1,h_4,w_4)
        x = self.fuse(torch.cat([x, guided, small], dim=1))
        x = grow(x, feats[2].shape[-2:]) + self.adapter3(feats[2])  # (M,C,h_3,w_3)
        x = grow(x, feats[1].shape[-2:]) + self.adapter2(feats[1])  # (M,C,h_2,w_2)
        x = self.trunk(torch.cat([x, _mean_to(coarse, x)], dim=1))  # (M,C',h_2,w_2)
        x = grow(x, feats[0].shape[-2:]) + self.adapter1(feats[0])  # (M,C',h_1,w_1)
        x = self.fine(torch.cat([x, self._fold(visible_mask, x)], dim=1))  # (M,C'',h_1,w_1)
        logits = F.pixel_shuffle(self.out(x), self.output_scale)  # (M,2,h,w)
        return logits[:, :1], logits[:, 1:]

    def _fold(self, mask: Tensor, like: Tensor) -> Tensor:
        """A mask (M,1,H,W), its pixels as channels: (M,output_scale^2,h_1,w_1)."""
        height, width = like.shape[-2:]
        size = (height * self.output_scale, width * self.output_scale)
        if tuple(mask.shape[-2:]) != size:
            mask = F.interpolate(mask, size=size, mode='area')
        return F.pixel_unshuffle(mask, self.output_scale).to(like.dtype)


def _mean_to(mask: Tensor, like: Tensor) -> Tensor:
    """Mean of a mask (M,1,H,W) over each position of a map: (M,1,h,w)."""
    return F.interpolate(mask, size=like.shape[-2:], mode='area').to(like.dtype)
