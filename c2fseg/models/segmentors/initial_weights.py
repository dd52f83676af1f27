"""Where a C2FSeg starts from: the tokenizer of stage 1, or a whole model of images."""

from __future__ import annotations

from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from torch import nn

from c2fseg.models.utils import load_strictly, read_state

# In the names of all parameters that a video model has and an image model has not.
TEMPORAL_PART = '.temporal_'


def load_initial_weights(model: BaseModule) -> bool:
    """Load what the config of a C2FSeg names: a whole model, or the tokenizer of stage 1.

    Args:
        model: The model, with ``init_cfg`` and a ``tokenizer``.

    Returns:
        Whether a whole model was loaded, so that nothing is left to initialise.

    Raises:
        CheckpointError: If a file is missing, damaged or carries code.
        RuntimeError: If keys are missing or unexpected, or shapes differ.
    """
    init_cfg = model.init_cfg or {}
    if init_cfg.get('type') == 'Pretrained':
        start_from_model(model, init_cfg['checkpoint'], init_cfg.get('drop_temporal', False))
        return True
    init_cfg = getattr(model.tokenizer, 'init_cfg', None) or {}
    if init_cfg.get('type') == 'Pretrained':
        load_tokenizer(model.tokenizer, init_cfg['checkpoint'], init_cfg.get('prefix', ''))
    else:
        MMLogger.get_current_instance().warning(
            'C2FSeg: the tokenizer has no pretrained weights and is frozen: its tokens mean '
            "nothing. Set init_cfg=dict(type='Pretrained', checkpoint=..., "
            "prefix='autoencoder.') or load a checkpoint of the whole model."
        )
    return False


def load_tokenizer(tokenizer: BaseModule, path: str, prefix: str) -> None:
    """Load the tokenizer of stage 1, every key of it.

    Args:
        tokenizer: The module to fill.
        path: Checkpoint of stage 1.
        prefix: What the names in the file begin with, ``autoencoder`` as a rule.

    Raises:
        CheckpointError: If the file is missing, damaged or carries code.
        RuntimeError: If keys are missing or unexpected, or shapes differ.
    """
    prefix = f'{prefix.rstrip(".")}.' if prefix else ''
    state = read_state(path)
    part = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
    load_strictly(tokenizer, part, f'{path} (prefix {prefix!r})')
    # MMEngine's own loading of the same file, which only warns, is not to follow.
    tokenizer.is_init = True


def start_from_model(model: nn.Module, path: str, drop_temporal: bool = False) -> None:
    """Load a whole model: one of images, or one that has attention over frames already.

    From a model of images every key is taken, and the parameters of the attention over frames
    alone are left as they are.

    Args:
        model: The model to fill.
        path: Checkpoint of a whole model.
        drop_temporal: Leave the parameters of the checkpoint's attention over frames out, for a
            model that has none.

    Raises:
        CheckpointError: If the file is missing, damaged or carries code.
        RuntimeError: If other keys are missing, keys are unexpected, or shapes differ.
    """
    state = read_state(path)
    given = {key for key in state if TEMPORAL_PART in key}
    dropped = given if drop_temporal else set()
    kept = {key: value for key, value in state.items() if key not in dropped}
    own = tuple(key for key in model.state_dict() if TEMPORAL_PART in key)
    new = () if given - dropped else own
    load_strictly(model, kept, path, optional=new)
    MMLogger.get_current_instance().info(
        f'{type(model).__name__}: starts from {path}; new are {len(new)} tensors of the attention '
        f'over frames, left out {len(dropped)}.'
    )
    for module in model.modules():
        # MMEngine's own initialisation is not to follow.
        if isinstance(module, BaseModule):
            module.is_init = True
