"""LPIPS: the perceptual part of the tokenizer's reconstruction loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from c2fseg.registry import MODELS
from c2fseg.utils.torchvision_compat import ensure_torchvision

TORCHVISION_PREFIX = 'torchvision://'


@MODELS.register_module()
class PerceptualLoss(nn.Module):
    """LPIPS distance of two masks through VGG-16, frozen in gradient and in mode.

    A one-channel mask is fed as it is: the scaling layer of LPIPS broadcasts it to three
    channels. The linear layers of LPIPS come with the ``lpips`` package; the VGG-16 weights do
    not. Nothing of the frozen network is saved with a checkpoint.

    Source: C2F-Seg, ICCV 2023, supplementary A.1 (the perceptual reconstruction loss).

    Args:
        vgg_weights: ImageNet weights of VGG-16: a file holding torchvision's ``vgg16`` state
            dict, or ``torchvision://vgg16`` to download it once.
        loss_weight: Factor of the loss.

    Raises:
        FileNotFoundError: If the weights are not to be had; the message names both ways.
        ImportError: If the ``lpips`` package is missing.
        KeyError: If the file holds something else.
    """

    def __init__(self, vgg_weights: str, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        weights = _load_vgg_weights(vgg_weights)
        network = _build_lpips()
        _fill_vgg(network.net, weights, vgg_weights)
        network.requires_grad_(False).eval()
        # In a tuple, so that neither checkpoints, nor `train()`, nor a distributed wrapper see it.
        self._network: tuple[nn.Module] = (network,)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Mean distance of two masks (M, 1, H, W), a scalar."""
        return self.loss_weight * self._network[0](prediction.float(), target.float()).mean()

    def _apply(self, fn: Callable, *args: Any, **kwargs: Any) -> PerceptualLoss:
        """Moves the hidden network along with the module (``to``, ``cuda``, ``double``)."""
        super()._apply(fn, *args, **kwargs)
        self._network[0]._apply(fn, *args, **kwargs)
        return self


def _load_vgg_weights(source: str) -> Mapping[str, Tensor]:
    """State dict of torchvision's VGG-16 from a path or from ``torchvision://``."""
    advice = (
        "set vgg_weights of the perceptual loss to the path of a file with torchvision's vgg16 "
        "state dict (vgg16-397923af.pth), or to 'torchvision://vgg16' on a machine that can "
        'download it, or train without it (perceptual_loss=None)'
    )
    if not source:
        raise FileNotFoundError(f'the perceptual loss needs VGG-16 weights: {advice}')
    if source.startswith(TORCHVISION_PREFIX):
        ensure_torchvision()
        try:
            loaded = CheckpointLoader.load_checkpoint(source, map_location='cpu')
        except OSError as error:
            raise FileNotFoundError(
                f"'{source}' could not be loaded ({error}): {advice}"
            ) from error
    else:
        if not Path(source).is_file():
            raise FileNotFoundError(f"no VGG-16 weights at '{source}': {advice}")
        loaded = torch.load(source, map_location='cpu', weights_only=True)
    return loaded.get('state_dict', loaded)


def _build_lpips() -> nn.Module:
    """LPIPS with its own linear layers and a VGG-16 of random weights."""
    ensure_torchvision()
    try:
        import lpips
    except ImportError as error:
        raise ImportError('the perceptual loss needs LPIPS: pip install lpips') from error
    with warnings.catch_warnings():
        # lpips calls torchvision by arguments of an older version.
        warnings.simplefilter('ignore', UserWarning)
        return lpips.LPIPS(net='vgg', pnet_rand=True, verbose=False)


def _fill_vgg(slices: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copies ``features.N.*`` into LPIPS' slices, whose layers keep their number N."""
    for name, parameter in slices.named_parameters():
        key = 'features.' + name.split('.', 1)[1]
        if key not in weights or weights[key].shape != parameter.shape:
            found = tuple(weights[key].shape) if key in weights else 'nothing'
            raise KeyError(
                f"'{source}' does not hold the weights of torchvision's vgg16: expected '{key}' "
                f'of shape {tuple(parameter.shape)}, found {found}'
            )
        parameter.data.copy_(weights[key])
