"""One optimizer for each named child of a model."""

from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from torch import nn

from c2fseg.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MultiOptimWrapperConstructor:
    """Builds an ``OptimWrapperDict``: each entry of the config trains the child of its name.

    Example:
        ``optim_wrapper=dict(constructor='MultiOptimWrapperConstructor',
        autoencoder=dict(type='OptimWrapper', optimizer=...),
        discriminator=dict(type='OptimWrapper', optimizer=...))``. An entry may hold its own
        ``constructor`` and ``paramwise_cfg``.

    Args:
        optim_wrapper_cfg: Child name to the config of its optimizer wrapper.
        paramwise_cfg: Must be None: it belongs into the entries.

    Raises:
        TypeError: If an entry is not a dict.
        ValueError: If there is no entry, or ``paramwise_cfg`` is given.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict | None = None
    ) -> None:
        if paramwise_cfg is not None:
            raise ValueError(
                'MultiOptimWrapperConstructor takes no paramwise_cfg of its own: put it into the '
                'entry of the child it is for'
            )
        if not optim_wrapper_cfg:
            raise ValueError(
                'MultiOptimWrapperConstructor needs one entry for each child to train, '
                'for example autoencoder=dict(optimizer=...)'
            )
        for name, cfg in optim_wrapper_cfg.items():
            if not isinstance(cfg, dict):
                raise TypeError(
                    f"entry '{name}' of optim_wrapper must be the config of an optimizer wrapper "
                    f"(a dict) for the model's child '{name}', got {cfg!r}"
                )
        self.optim_wrapper_cfg = optim_wrapper_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """Builds the optimizer wrappers of a model.

        Raises:
            AttributeError: If the model has no child of a given name.
        """
        if is_model_wrapper(model):
            model = model.module
        children = dict(model.named_children())
        wrappers = {}
        for name, cfg in self.optim_wrapper_cfg.items():
            if name not in children:
                raise AttributeError(
                    f"optim_wrapper has an entry '{name}', but {type(model).__name__} has no such "
                    f'child; its children are {sorted(children)}'
                )
            wrappers[name] = build_optim_wrapper(children[name], {'type': 'OptimWrapper', **cfg})
        return OptimWrapperDict(**wrappers)
