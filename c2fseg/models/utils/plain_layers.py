"""Tells torch's own layers from those that only look like them."""

from __future__ import annotations

from mmcv.cnn.bricks import wrappers
from torch import nn

# mmcv's, which its registry calls "Conv", computes the same as torch's.
_SAME = {wrappers.Conv2d: nn.Conv2d, wrappers.ConvTranspose2d: nn.ConvTranspose2d}


def is_plain(layer: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Whether a layer is exactly of one of some kinds, so that its weights say all that it does.

    Subclasses may do more (normalise their weights, apply an activation), parametrised layers are
    of a class of their own, and hooks may change anything.

    Args:
        layer: The layer.
        kinds: Classes of torch.

    Returns:
        Whether it is.
    """
    kind = type(layer)
    return _SAME.get(kind, kind) in kinds and not (
        layer._forward_pre_hooks or layer._forward_hooks or 'forward' in vars(layer)
    )
