"""Makes a trained model faster to run, at the price that it can only be run from then on."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from c2fseg.models.utils.fold_batch_norm import fold_batch_norm

# Layers whose products dominate, and that autocast would give weights of low precision anyway.
_PRODUCTS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def optimize_for_inference(
    module: nn.Module,
    dtype: torch.dtype | None = None,
    full_precision: Iterable[nn.Module] = (),
) -> None:
    """Prepares a module for inference, in place; results stay the same up to rounding.

    BatchNorm goes into the convolution before it, weights of convolutions lie channels-last, what
    depends on weights alone is computed once (every child with a ``prepare_inference`` is asked
    to), and with a ``dtype`` the weights of convolutions and linear layers are kept in it, where
    autocast would convert them in every call. Afterwards the module has other parameters than the
    class it was built from: it can neither be trained nor loaded into, and with a ``dtype`` its
    parts are to be called inside autocast.

    Args:
        module: In eval mode.
        dtype: That of autocast, or None without autocast.
        full_precision: Parts of the module that run without autocast; they keep their dtype.

    Raises:
        RuntimeError: The module is in training mode: running statistics would be folded while they
            still change.
    """
    if module.training:
        raise RuntimeError(
            f'optimize_for_inference: {type(module).__name__} is in training mode; call eval() '
            'first, and keep the model that is still to be trained'
        )
    fold_batch_norm(module)
    for child in list(module.modules()):
        if hasattr(child, 'prepare_inference'):
            child.prepare_inference()
    module.requires_grad_(False)
    module.to(memory_format=torch.channels_last)
    kept = {child for part in full_precision for child in part.modules()}
    for child in module.modules():
        if dtype is not None and isinstance(child, _PRODUCTS) and child not in kept:
            child.to(dtype)
