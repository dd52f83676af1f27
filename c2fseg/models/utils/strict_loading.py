"""Weights of a part of a model from a checkpoint file, where every key must fit."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from c2fseg.utils.checkpoint import CheckpointError, load_checkpoint_safely
from c2fseg.utils.checkpoint_fit import compare_states


def read_state(path: str) -> dict[str, Tensor]:
    """The weights in a checkpoint; code in the file is not run.

    Args:
        path: A file, or an address such as ``torchvision://resnet50``.

    Returns:
        Parameter name to tensor.

    Raises:
        CheckpointError: If the file is missing, damaged, carries code or holds no weights.
    """
    if '://' in path:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    else:
        checkpoint = load_checkpoint_safely(path)
    state = checkpoint.get('state_dict', checkpoint)
    foreign = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if foreign:
        raise CheckpointError(
            f'Checkpoint {path}: expected parameter names with tensors, or those under '
            f'"state_dict"; got other values under {sorted(map(str, foreign))[:5]}.'
        )
    return dict(state)


def load_strictly(
    module: nn.Module, state: Mapping[str, Tensor], source: str, optional: tuple[str, ...] = ()
) -> None:
    """Load weights; every key must fit.

    Args:
        module: The module to fill.
        state: Parameter name to tensor.
        source: Where the weights come from, for the message.
        optional: Endings of names that may be missing.

    Raises:
        RuntimeError: If keys are missing or unexpected, or shapes differ.
    """
    difference = compare_states(module.state_dict(), state, optional)
    if difference:
        raise RuntimeError(
            f'{type(module).__name__}: {source} does not fit the config: {difference}; give the '
            'weights of the same architecture, or the config that they were trained with.'
        )
    module.load_state_dict(dict(state), strict=False)
