"""The published image encoder: a ResNet whose last stage keeps its resolution."""

from __future__ import annotations

from collections.abc import Sequence

import mmcv.cnn
import torch
from mmengine.logging import MMLogger
from torch import Tensor, nn

from c2fseg.models.utils import load_strictly, read_state
from c2fseg.registry import MODELS

# Heads of classification networks and counters that carry no weight.
_IGNORED_SUFFIXES = ('num_batches_tracked',)
_IGNORED_PREFIXES = ('fc.', 'head.')


@MODELS.register_module()
class ResNet(mmcv.cnn.ResNet):
    """mmcv's ResNet with four stages, more input channels and safe loading of weights.

    With ``strides=(1, 2, 2, 1)`` the four maps have strides 4, 8, 16, 16 (C2F-Seg, ICCV 2023,
    section 3.2). Layers and parameter names are those of torchvision's ResNet.

    Args:
        depth: Depth of the network: 18, 34, 50, 101 or 152.
        strides: Stride of the first block of each of the four stages.
        in_channels: Channels of the input. With more than three, weights pretrained on RGB fill
            each further channel with the mean of the three RGB kernels.
        bn_eval: Keep BatchNorm in evaluation mode while training.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` with a path or a
            ``torchvision://resnet50``; ``None`` initialises at random.

    Raises:
        ValueError: If ``in_channels`` is below 3 or ``init_cfg`` is not of type ``Pretrained``.
    """

    def __init__(
        self,
        depth: int = 50,
        strides: Sequence[int] = (1, 2, 2, 1),
        in_channels: int = 3,
        bn_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(depth=depth, strides=tuple(strides), bn_eval=bn_eval)
        if in_channels < 3:
            raise ValueError(f'ResNet: in_channels must be at least 3, got {in_channels}')
        if init_cfg is not None and (
            init_cfg.get('type') != 'Pretrained' or 'checkpoint' not in init_cfg
        ):
            raise ValueError(
                "ResNet: init_cfg must be dict(type='Pretrained', checkpoint=PATH), "
                f'got {init_cfg!r}'
            )
        self.in_channels = in_channels
        self.init_cfg = init_cfg
        self.is_init = False
        if in_channels != 3:
            self.conv1 = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)

    def init_weights(self, pretrained: str | None = None) -> None:
        """Initialise the weights at random, or read them from ``init_cfg``.

        Args:
            pretrained: A path that replaces the one of ``init_cfg``.
        """
        if pretrained is None and self.init_cfg is not None:
            pretrained = self.init_cfg['checkpoint']
        if pretrained is None:
            super().init_weights()
        else:
            self.load_pretrained(pretrained)
        self.is_init = True

    def load_pretrained(self, path: str) -> None:
        """Read the weights of an RGB network, the classifier left out.

        Args:
            path: A file, or an address that MMEngine's ``CheckpointLoader`` knows.

        Raises:
            CheckpointError: If the file is missing, damaged or carries code.
            RuntimeError: If keys are missing or unexpected.
        """
        state = read_state(path)
        state = {key: v for key, v in state.items() if not key.startswith(_IGNORED_PREFIXES)}
        if 'conv1.weight' in state:
            state['conv1.weight'] = self._inflate(state['conv1.weight'])
        load_strictly(self, state, path, optional=_IGNORED_SUFFIXES)
        MMLogger.get_current_instance().info(f'ResNet: weights read from {path}')

    def _inflate(self, weight: Tensor) -> Tensor:
        extra = self.conv1.in_channels - weight.shape[1]
        if extra <= 0:
            return weight
        mean = weight.mean(dim=1, keepdim=True)
        return torch.cat([weight, mean.expand(-1, extra, -1, -1)], dim=1)

    def train(self, mode: bool = True) -> ResNet:
        """Switch the mode; BatchNorm stays in evaluation mode with ``bn_eval``."""
        super().train(mode)
        return self
