"""The published refinement module: convolutions from the coarse mask up to half resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from c2fseg.models.refiners.layers import conv_bn_relu
from c2fseg.models.refiners.mask_guided_attention import mask_guided_attention
from c2fseg.models.utils import conv_upsampled, grow
from c2fseg.registry import REFINERS


class RefinerBranch(nn.Module):
    """The last two stages, with weights of their own for the visible and for the amodal mask.

    Args:
        in_channels: Channels of the features of stage 1 and stage 2.
        channels: Channels of the input and of the two convolutions.
        extra_channels: Full-resolution masks concatenated before each convolution.
    """

    def __init__(
        self, in_channels: Sequence[int], channels: Sequence[int], extra_channels: int
    ) -> None:
        super().__init__()
        self.adapter2 = nn.Conv2d(in_channels[1], channels[0], 1)
        self.block2 = conv_bn_relu(channels[0] + extra_channels, channels[1])
        self.adapter1 = nn.Conv2d(in_channels[0], channels[1], 1)
        self.block1 = conv_bn_relu(channels[1] + extra_channels, channels[2])
        self.out = nn.Conv2d(channels[2], 1, 3, padding=1)

    def forward(
        self, x: Tensor, feats: Sequence[Tensor], size: Sequence[int], extra: Tensor | None
    ) -> Tensor:
        """Logits (M,1,*size) from the shared trunk (M,C,h_2,w_2)."""
        x = x + self.adapter2(feats[1])  # (M,C,h_2,w_2)
        x = _grown_block(self.block2, x, feats[0].shape[-2:], extra)  # (M,C',h_1,w_1)
        x = x + self.adapter1(feats[0])
        x = _grown_block(self.block1, x, size, extra)  # (M,C'',*size)
        return self.out(x)  # (M,1,*size)


def _grown_block(
    block: nn.Sequential, x: Tensor, size: Sequence[int], masks: Tensor | None = None
) -> Tensor:
    """Convolution, BatchNorm and ReLU of ``x``, grown to ``size``, with the masks beside it."""
    if masks is not None:
        masks = F.interpolate(masks, size=tuple(size), mode='area').to(x.dtype)
    conv, *rest = block
    x = conv_upsampled(conv, x, size, masks)  # (M,C,*size)
    for layer in rest:
        x = layer(x)
    return x


@REFINERS.register_module()
class ConvRefiner(BaseModule):
    """From the coarse mask and four feature maps to a visible and an amodal mask.

    Source: C2F-Seg, ICCV 2023, section 3.3. The last three options are not part of the published
    module and are off by default.

    Args:
        in_channels: Channels of the four feature maps.
        feature_dims: Channels of the last map beside the coarse mask and the attention map.
        channels: Channels of the stages: after the fusion, the trunk and the two of a branch.
        attention: Use the mask-guided attention map (``False`` is the ablation of Table 3).
        output_scale: Resolution of the logits in units of the first feature map.
        use_visible_mask: Feed the visible mask to the branches at their resolutions.
        use_coarse_mask: Feed the coarse mask to the branches at their resolutions too.
        state_channels: Channels D of the transformer's last state, fed beside the last map.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ValueError: If ``in_channels`` or ``channels`` has not four entries, or the scale is
            below 1.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (256, 512, 1024, 2048),
        feature_dims: int = 256,
        channels: Sequence[int] = (128, 64, 32, 16),
        attention: bool = True,
        output_scale: int = 2,
        use_visible_mask: bool = False,
        use_coarse_mask: bool = False,
        state_channels: int | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(in_channels) != 4 or len(channels) != 4:
            raise ValueError(
                'ConvRefiner: in_channels and channels need four entries each, '
                f'got {tuple(in_channels)} and {tuple(channels)}'
            )
        if output_scale < 1:
            raise ValueError(f'ConvRefiner: output_scale must be at least 1, got {output_scale}')
        self.attention = attention
        self.output_scale = output_scale
        self.use_visible_mask = use_visible_mask
        self.use_coarse_mask = use_coarse_mask
        self.state_channels = state_channels
        fused = feature_dims + int(attention) + 1
        extra = int(use_visible_mask) + int(use_coarse_mask)
        self.adapter4 = nn.Conv2d(in_channels[3], in_channels[3], 1)
        self.feature_proj = nn.Conv2d(in_channels[3], feature_dims, 3, padding=1)
        if state_channels is not None:
            self.state_proj = nn.Conv2d(state_channels, feature_dims, 1)
        self.fuse = nn.Sequential(conv_bn_relu(fused, fused), conv_bn_relu(fused, channels[0]))
        self.adapter3 = nn.Conv2d(in_channels[2], channels[0], 1)
        self.trunk = conv_bn_relu(channels[0], channels[1])
        self.visible_branch = RefinerBranch(in_channels, channels[1:], extra)
        self.amodal_branch = RefinerBranch(in_channels, channels[1:], extra)

    def forward(
        self,
        feats: Sequence[Tensor],
        coarse: Tensor,
        visible_mask: Tensor | None = None,
        state: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Refine coarse masks.

        Args:
            feats: Four feature maps (M,C_i,h_i,w_i), the finest first.
            coarse: Coarse masks (M,1,H,W) in [0, 1].
            visible_mask: Visible masks (M,1,H,W); with ``use_visible_mask`` only.
            state: Last state of the transformer (M,D,gh,gw); with ``state_channels`` only.

        Returns:
            Visible and amodal logits, each (M,1,h,w) with (h,w) = ``output_scale`` * (h_1,w_1).
        """
        self._check_options(visible_mask, state)
        last = self.adapter4(feats[3])
        small = grow(coarse, last.shape[-2:]).to(last.dtype)  # (M,1,h_4,w_4)
        x = self.feature_proj(last)
        if state is not None:
            x = x + self.state_proj(state.to(x.dtype))
        parts = [x, small]
        if self.attention:
            parts.insert(1, mask_guided_attention(last, small).to(x.dtype))
        x = self.fuse(torch.cat(parts, dim=1))
        x = grow(x, feats[2].shape[-2:]) + self.adapter3(feats[2])
        x = _grown_block(self.trunk, x, feats[1].shape[-2:])  # (M,C,h_2,w_2)
        masks = [visible_mask] if visible_mask is not None else []
        masks += [coarse] if self.use_coarse_mask else []
        extra = torch.cat(masks, dim=1) if masks else None
        size = [n * self.output_scale for n in feats[0].shape[-2:]]
        visible = self.visible_branch(x, feats, size, extra)
        amodal = self.amodal_branch(x, feats, size, extra)
        return visible, amodal

    def _check_options(self, visible_mask: Tensor | None, state: Tensor | None) -> None:
        pairs = (
            ('visible_mask', visible_mask, 'use_visible_mask', self.use_visible_mask),
            ('state', state, 'state_channels', self.state_channels is not None),
        )
        for name, value, option, wanted in pairs:
            if wanted and value is None:
                raise ValueError(f'ConvRefiner: {option} is set, so forward needs {name}')
            if not wanted and value is not None:
                raise ValueError(
                    f'ConvRefiner: {name} was given but {option} is not set; it would be ignored'
                )
