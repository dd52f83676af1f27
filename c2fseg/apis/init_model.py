"""init_model: from a config and a checkpoint to a model that predicts."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from torch import nn

from c2fseg.apis.model_files import find_config
from c2fseg.registry import MODELS, SCOPE
from c2fseg.utils.checkpoint import CheckpointError, load_checkpoint_safely
from c2fseg.utils.checkpoint_fit import describe_misfit
from c2fseg.utils.config_files import read_config


def load_config(
    config: str | os.PathLike | Config, cfg_options: Mapping[str, Any] | None = None
) -> Config:
    """Load a config.

    Args:
        config: Path, name of a recipe that ships, or a ``Config``, which is left as it is.
        cfg_options: Values to override, keys with dots.

    Returns:
        A config of its own.

    Raises:
        FileNotFoundError: There is no such config.
        ConfigError: The file cannot be read as a config.
        TypeError: ``config``, or what it calls ``model``, is of another kind.
        KeyError: The config holds no ``model``.
    """
    if isinstance(config, Config):
        cfg = config.copy()
    elif isinstance(config, (str, os.PathLike)):
        cfg = read_config(find_config(config))
    else:
        raise TypeError(f'config is a path, a name or a Config, got {type(config).__name__}')
    if cfg_options:
        cfg.merge_from_dict(dict(cfg_options))
    if 'model' not in cfg:
        raise KeyError(
            f'Config {cfg.filename or ""} has no "model": it describes no model to build'
        )
    if not isinstance(cfg.model, dict):
        raise TypeError(f'model of a config is a dict(type=...), got {cfg.model!r}')
    return cfg


def init_model(
    config: str | os.PathLike | Config,
    checkpoint: str | os.PathLike | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a model and load its weights.

    Initial weights that the config names (``init_cfg``) are not read: a checkpoint holds all
    weights of the model. Half-precision weights become the model's float32.

    Args:
        config: Path, name of a recipe that ships, or a ``Config``.
        checkpoint: File with a ``state_dict``, or a bare state dict. None leaves random weights.
        device: Where the model goes.
        cfg_options: Values of the config to override, keys with dots.

    Returns:
        The model in eval mode, with the config as ``model.cfg``.

    Raises:
        FileNotFoundError: There is no such config.
        CheckpointError: The checkpoint is missing, damaged, carries code, or does not fit.
        ValueError: This machine has no such device.
    """
    device = find_device(device)
    cfg = load_config(config, cfg_options)
    register_components(cfg)
    description = without_init_cfg(cfg.model)
    if 'data_preprocessor' in cfg:
        description.setdefault('data_preprocessor', cfg.data_preprocessor)
    model = MODELS.build(description)
    if checkpoint is not None:
        load_weights(model, checkpoint)
    model.cfg = cfg
    return model.to(device).eval()


def find_device(name: str | torch.device) -> torch.device:
    """Check that this machine has a device.

    Args:
        name: ``'cpu'``, ``'cuda'``, ``'cuda:1'`` and so on.

    Returns:
        The device.

    Raises:
        ValueError: There is no such device here.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:
        found = ['cpu', *(f'cuda:{i}' for i in range(torch.cuda.device_count()))]
        raise ValueError(
            f'device {str(name)!r} cannot be used on this machine, which has {", ".join(found)}: '
            f'give one of these, or a torch build for it ({str(error).splitlines()[0][:120]})'
        ) from error
    return device


def register_components(cfg: Config) -> None:
    """Register the library's components, and those of the config's ``custom_imports``.

    The default scope becomes that of the config, as MMEngine's Runner does it.
    """
    for module in ('c2fseg.models', 'c2fseg.datasets'):
        importlib.import_module(module)
    init_default_scope(cfg.get('default_scope', SCOPE))


def load_weights(model: nn.Module, checkpoint: str | os.PathLike) -> None:
    """Load a checkpoint into a model, every key of both.

    Args:
        model: The model.
        checkpoint: File with a ``state_dict``, or a bare state dict.

    Raises:
        CheckpointError: The file cannot be loaded, or its keys or shapes are not the model's.
    """
    content = load_checkpoint_safely(os.fspath(checkpoint), map_location='cpu')
    complaint = describe_misfit(model, content)
    if complaint:
        raise CheckpointError(f'Checkpoint {checkpoint} {complaint}')
    state = {k.removeprefix('module.'): v for k, v in content.get('state_dict', content).items()}
    # Copies into the model's own dtype: half-precision weights become float32.
    model.load_state_dict(state, strict=True)


def without_init_cfg(node: Any) -> Any:
    """Gives a copy of a model description in which no part names initial weights."""
    if isinstance(node, Mapping):
        return ConfigDict(
            {
                key: None if key == 'init_cfg' else without_init_cfg(value)
                for key, value in node.items()
            }
        )
    if isinstance(node, (list, tuple)):
        return type(node)(without_init_cfg(value) for value in node)
    return node
