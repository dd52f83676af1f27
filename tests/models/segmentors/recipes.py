"""The recipes in configs/, as the optimizer and the model see them."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

import c2fseg.models  # noqa: F401  registers the components
from c2fseg.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'


def empty_model(config: Config) -> nn.Module:
    """The model of a config without memory for its weights."""
    with torch.device('meta'):
        return MODELS.build(config.model)


def parameter_groups(name: str) -> dict[str, tuple[float, float]]:
    """Parameter name to learning rate and weight decay, as the optimizer has them."""
    config = Config.fromfile(CONFIGS / name)
    model = empty_model(config)
    init_default_scope('c2fseg')
    logging.disable(logging.WARNING)  # one line per parameter
    try:
        optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    finally:
        logging.disable(logging.NOTSET)
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }
