"""Makes a trained model faster to run, at the price that it can only be run from then on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from c2fseg.models.utils.fold_batch_norm import fold_batch_norm
from c2fseg.models.utils.plain_layers import is_plain

# Layers whose products dominate, and that autocast would give weights of low precision anyway.
_PRODUCTS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def optimize_for_inference(
    module: nn.Module,
    dtype: torch.dtype | None = None,
    low_precision: Iterable[nn.Module] | None = None,
) -> None:
    """Prepares a module for inference, in place; results stay the same up to rounding.

    BatchNorm goes into the convolution before it, weights of convolutions lie channels-last, what
    depends on weights alone is computed once (every child with a ``prepare_inference`` is asked
    to), and with a ``dtype`` the weights of convolutions and linear layers are kept in it, where
    autocast would convert them in every call. Layers that only derive from torch's are left as they
    are. Afterwards the module has other parameters than the class it was built from: it can neither
    be trained nor loaded into (which is refused), and with a ``dtype`` its parts are to be called
    inside autocast.

    Args:
        module: In eval mode.
        dtype: That of autocast, or None without autocast.
        low_precision: Parts of the module whose weights are kept in the dtype; None for all of it.
            Those in them whose class says ``keeps_dtype = True`` are left as they are.

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
    parts = [module] if low_precision is None else low_precision
    low = {child for part in parts for child in part.modules()}
    exact = [child for child in low if getattr(child, 'keeps_dtype', False)]
    low -= {child for part in exact for child in part.modules()}
    for child in module.modules():
        if is_plain(child, *_PRODUCTS):
            child.to(memory_format=torch.channels_last)
            if dtype is not None and child in low:
                child.to(dtype)
    module.register_load_state_dict_pre_hook(_refuse_to_load)


def _refuse_to_load(module: nn.Module, *_: Any) -> None:
    raise RuntimeError(
        f'{type(module).__name__}: this model was optimized for inference, and weights no longer '
        'fit it; build it again to load them'
    )
