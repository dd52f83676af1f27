"""The model of an inferencer: built, loaded, put on its device and made fast."""

from __future__ import annotations

import os

import torch
from mmengine.config import Config
from torch import nn

from c2fseg.apis.init_model import (
    find_device,
    init_model,
    load_config,
    load_weights,
    register_components,
)
from c2fseg.apis.model_files import find_weights
from c2fseg.models.segmentors import C2FSeg
from c2fseg.registry import MODELS
from c2fseg.utils.low_precision import warn_if_slower

PRECISIONS = ('float32', 'bfloat16')


def model_for_inference(
    model: str | os.PathLike | Config | nn.Module,
    weights: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    precision: str | None = None,
    compiled: bool = False,
) -> nn.Module:
    """Give a model that predicts, with its config as ``.cfg``.

    A model that is built here is optimized for inference
    (:meth:`c2fseg.models.segmentors.C2FSeg.optimize_for_inference`); one that is given is used as
    it is, since its owner may want to train it.

    Args:
        model: Config path, name of a recipe that ships, a ``Config``, or a model of ``init_model``.
        weights: Checkpoint. None takes the weights that ship for the recipe; a model given as such
            keeps those it has.
        device: None takes the GPU when there is one, and leaves a given model where it is.
        precision: One of ``PRECISIONS``; None takes that of the config.
        compiled: Let torch compile the model's parts at the first call of each shape.

    Returns:
        The model in eval mode.

    Raises:
        FileNotFoundError: There is no such config, or no weights ship for it.
        CheckpointError: The weights cannot be used.
        ValueError: There is no such device or precision, the model has no parts to compile, or a
            given model has no config or is to be changed.
    """
    if precision not in (None, *PRECISIONS):
        raise ValueError(f'precision is one of {", ".join(PRECISIONS)}, or None, got {precision!r}')
    device = None if device is None else find_device(device)
    if isinstance(model, nn.Module):
        if precision is not None or compiled:
            raise ValueError(
                'precision and compiled are for models that are built here; one that is given has '
                "its own: test_cfg.autocast through init_model's cfg_options, compile_parts()"
            )
        return _given(model, weights, device)
    cfg = load_config(model)
    if (precision or compiled) and not builds_c2fseg(cfg):
        raise ValueError(f'{cfg.model.type} has neither a precision to choose nor parts to compile')
    if precision is not None:
        autocast = None if precision == 'float32' else precision
        cfg.model.test_cfg = dict(cfg.model.get('test_cfg') or {}, autocast=autocast)
    built = init_model(cfg)
    if weights is None and any(True for _ in built.parameters()):
        weights = find_weights(cfg.filename or 'a config without a file')
    if weights is not None:
        load_weights(built, weights)
    built.to(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    if not isinstance(built, C2FSeg):
        return built
    if built.test_cfg.autocast_dtype is not None:
        device = next(built.parameters()).device
        warn_if_slower(device, built.test_cfg.autocast_dtype, 'precision float32 does without')
    built.optimize_for_inference()
    return built.compile_parts() if compiled else built


def builds_c2fseg(cfg: Config) -> bool:
    """Tell whether the model of a config is a C2FSeg, or of a class derived from it.

    Args:
        cfg: The config; its components are registered, and its scope becomes the default.

    Returns:
        Whether it is; False for a type that nothing has registered.
    """
    register_components(cfg)
    kind = cfg.model.type
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    return isinstance(found, type) and issubclass(found, C2FSeg)


def _given(
    model: nn.Module,
    weights: str | os.PathLike | None,
    device: torch.device | None,
) -> nn.Module:
    if not isinstance(getattr(model, 'cfg', None), Config):
        raise ValueError('The model has no config as .cfg: build it with init_model')
    if weights is not None:
        load_weights(model, weights)
    if device is not None:
        model.to(device)
    return model.eval()
