"""From the feature maps of a prompted crop to a mask and how good it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from c2fseg.models.backbones.light_encoder import ConvBNReLU
from c2fseg.models.utils import grow, without_autocast
from c2fseg.structures.prompts import PROMPT_CHANNELS

# Kinds of prompts that features are compared with: box, click on the object, click beside it.
SIMILARITIES = 3


def prompt_similarity(feat: Tensor, prompt: Tensor) -> Tensor:
    """How much the features of each position are like those under the prompt.

    Args:
        feat: Features (M,C,h,w).
        prompt: Prompt maps (M,2,h,w): box and clicks, at the size of the features.

    Returns:
        Cosines (M,3,h,w) with the mean feature under the box, under the clicks on the object and
        under those beside it; 0 where there is no such prompt.
    """
    box, click = prompt.float().split(1, dim=1)
    weight = torch.cat([box, click.clamp_min(0), (-click).clamp_min(0)], dim=1)  # (M,3,h,w)
    weight = weight.flatten(2)  # (M,3,h*w)
    positions = F.normalize(feat.float().flatten(2), dim=1)  # (M,C,h*w)
    keys = F.normalize(weight @ positions.transpose(1, 2), dim=2)  # (M,3,C)
    return (keys @ positions).unflatten(2, tuple(feat.shape[-2:]))  # (M,3,h,w)


class PromptDecoder(nn.Module):
    """A top-down decoder: every stage sees the prompt at its resolution.

    Args:
        in_channels: Channels of the four feature maps, the finest first.
        channels: Channels of the stages: two on the last map, one on the second, one on the first.

    Raises:
        ValueError: If ``in_channels`` or ``channels`` has not four entries.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (24, 48, 96, 128),
        channels: Sequence[int] = (96, 64, 48, 32),
    ) -> None:
        super().__init__()
        if len(in_channels) != 4 or len(channels) != 4:
            raise ValueError(
                'PromptDecoder: in_channels and channels need four entries each, '
                f'got {tuple(in_channels)} and {tuple(channels)}'
            )
        extra = PROMPT_CHANNELS + SIMILARITIES
        self.fuse = ConvBNReLU(in_channels[3] + extra, channels[0])
        self.context = nn.Linear(channels[0], channels[0])
        self.trunk = ConvBNReLU(channels[0], channels[1])
        self.adapter3 = nn.Conv2d(in_channels[2], channels[1], 1)
        self.adapter2 = nn.Conv2d(in_channels[1], channels[1], 1)
        self.block2 = ConvBNReLU(channels[1] + extra, channels[2])
        self.adapter1 = nn.Conv2d(in_channels[0], channels[2], 1)
        self.block1 = ConvBNReLU(channels[2] + extra, channels[3])
        # Four logits a position, laid out as 2 x 2 pixels: details at the full size of the crop
        # without a convolution there.
        self.out = nn.Conv2d(channels[3], 4, 3, padding=1)
        self.score = nn.Sequential(
            nn.Linear(2 * channels[1] + 2, channels[1]),
            nn.ReLU(inplace=True),
            nn.Linear(channels[1], 1),
        )

    def forward(self, feats: Sequence[Tensor], prompt: Tensor) -> tuple[Tensor, Tensor]:
        """Decode masks.

        Args:
            feats: Four feature maps (M,C_i,h_i,w_i).
            prompt: Prompt maps (M,2,h,w).

        Returns:
            Logits of the mask (M,1,2*h_1,2*w_1) and of its intersection over union (M,).
        """
        maps = [F.adaptive_avg_pool2d(prompt, feat.shape[-2:]).to(feat.dtype) for feat in feats]
        similar = prompt_similarity(feats[3], maps[3]).to(feats[3].dtype)
        x = self.fuse(torch.cat([feats[3], maps[3], similar], dim=1))  # (M,C,h_4,w_4)
        x = x + self.context(x.mean(dim=(2, 3)))[:, :, None, None]
        x = self.trunk(x) + grow(self.adapter3(feats[2]), x.shape[-2:])
        deep = x
        x = grow(x, feats[1].shape[-2:]) + self.adapter2(feats[1])  # (M,C,h_2,w_2)
        similar = prompt_similarity(feats[1], maps[1]).to(x.dtype)
        x = self.block2(torch.cat([x, maps[1], similar], dim=1))
        x = grow(x, feats[0].shape[-2:]) + self.adapter1(feats[0])  # (M,C,h_1,w_1)
        similar = prompt_similarity(feats[0], maps[0]).to(x.dtype)
        x = self.block1(torch.cat([x, maps[0], similar], dim=1))
        logits = F.pixel_shuffle(self.out(x), 2)  # (M,1,2*h_1,2*w_1)
        return logits, self._score(deep.float(), logits)

    def _score(self, deep: Tensor, logits: Tensor) -> Tensor:
        """Logits (M,) of the intersection over union, from what lies in the mask and around it."""
        mask = logits.detach().float().sigmoid()  # (M,1,H,W)
        small = F.adaptive_avg_pool2d(mask, deep.shape[-2:])
        inside = (deep * small).mean(dim=(2, 3)) / (small.mean(dim=(2, 3)) + 1e-3)  # (M,C)
        area = mask.mean(dim=(2, 3))  # (M,1)
        certain = (mask * mask).mean(dim=(2, 3)) / (area + 1e-3)  # (M,1)
        with without_autocast(deep.device):
            facts = torch.cat([inside, deep.mean(dim=(2, 3)), area, certain], dim=1)
            return self.score(facts)[:, 0]  # (M,)
