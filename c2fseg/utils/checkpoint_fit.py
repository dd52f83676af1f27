"""Whether the weights of a checkpoint are those of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def compare_states(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor], optional: tuple[str, ...] = ()
) -> str:
    """Compares names and shapes of two state dicts.

    Args:
        own: The model's.
        found: The one to be loaded.
        optional: Endings of names that may be missing from ``found``.

    Returns:
        How they differ, such as ``of 12 keys 1 missing (conv.bias)``; empty where they do not.
    """
    missing = [key for key in own if key not in found and not (optional and key.endswith(optional))]
    sizes = [
        f'{key} {tuple(found[key].shape)} for {tuple(own[key].shape)}'
        for key in own
        if key in found and found[key].shape != own[key].shape
    ]
    complaints = [
        f'{len(keys)} {what} ({_some(keys)})'
        for what, keys in (
            ('missing', missing),
            ('unexpected', [key for key in found if key not in own]),
            ('of other shape', sizes),
        )
        if keys
    ]
    return f'of {len(own)} keys {", ".join(complaints)}' if complaints else ''


def describe_misfit(
    model: nn.Module, checkpoint: Mapping[str, Any], some: bool = False
) -> str | None:
    """Compares the weights of a checkpoint with a model.

    Args:
        model: The model.
        checkpoint: With a ``state_dict``, or a bare state dict; a leading ``module.`` of the
            wrappers of distributed training is no part of a name.
        some: Weights that fit in part are enough.

    Returns:
        What does not fit, as the rest of a sentence about the file; None where all is well.
    """
    state = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state, Mapping) or not all(torch.is_tensor(v) for v in state.values()):
        return (
            f'holds no state dict of tensors (its keys: {_some(checkpoint)}): '
            'expected a checkpoint of this library.'
        )
    own = model.state_dict()
    found = {str(key).removeprefix('module.'): value for key, value in state.items()}
    difference = compare_states(own, found)
    fits = any(key in found and found[key].shape == value.shape for key, value in own.items())
    if not difference or (some and fits):
        return None
    return (
        f'does not fit {type(model).__name__}: {difference}; give the config that the '
        'checkpoint was trained with.'
    )


def _some(names: Iterable, limit: int = 3) -> str:
    names = [str(name) for name in names]
    return ', '.join(names[:limit]) + (', ...' if len(names) > limit else '')
