"""The discriminator of stage 1: which patches of a mask look drawn by the decoder."""

from __future__ import annotations

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn

from c2fseg.registry import MODELS


@MODELS.register_module()
class PatchDiscriminator(BaseModule):
    """PatchGAN: strided 4x4 convolutions to a map of logits, one for each patch.

    Source: C2F-Seg, ICCV 2023, supplementary A.1. The defaults are the published numbers.

    Args:
        in_channels: Channels of the mask.
        base_channels: Channels of the first layer, doubled by each further one.
        num_layers: Convolutions of stride 2.
        max_multiplier: Upper bound of channels as a multiple of ``base_channels``.
        kernel_size: Side of every convolution.
        negative_slope: Of the leaky ReLU.
        norm_cfg: Normalisation of all layers but the first and the last, for example
            ``dict(type='BN')`` or ``dict(type='SyncBN')``; None for none.
        init_std: Standard deviation of the initial convolution weights (normal distribution).
        init_cfg: MMEngine's description of where initial weights come from.
    """

    def __init__(
        self,
        in_channels: int = 1,
        base_channels: int = 64,
        num_layers: int = 2,
        max_multiplier: int = 8,
        kernel_size: int = 4,
        negative_slope: float = 0.2,
        norm_cfg: dict | None = None,
        init_std: float = 0.02,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        padding = (kernel_size - 1) // 2
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, base_channels, kernel_size, 2, padding),
            nn.LeakyReLU(negative_slope),
        ]
        channels = base_channels
        for index in range(1, num_layers + 1):
            width = base_channels * min(2**index, max_multiplier)
            stride = 2 if index < num_layers else 1
            has_norm = norm_cfg is not None
            layers.append(
                nn.Conv2d(channels, width, kernel_size, stride, padding, bias=not has_norm)
            )
            if norm_cfg is not None:
                layers.append(build_norm_layer(norm_cfg, width)[1])
            layers.append(nn.LeakyReLU(negative_slope))
            channels = width
        layers.append(nn.Conv2d(channels, 1, kernel_size, 1, padding))
        self.layers = nn.Sequential(*layers)
        for module in self.layers:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, init_std)

    def forward(self, mask: Tensor) -> Tensor:
        """Mask (M, C, H, W) to logits (M, 1, h, w): high where a patch looks real."""
        return self.layers(mask)  # (M, 1, h, w)
