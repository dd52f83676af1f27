"""A method that torch compiles, without tying copies of its module to the original."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from torch import nn


class CompiledMethod:
    """Takes the place of a method of a module, and compiles it at the first call.

    A function of :func:`torch.compile` in that place would be bound to this module for good: a deep
    copy of the module would go on computing with the weights of the original, and neither could be
    pickled. A copy with this one compiles anew.

    Args:
        module: The module.
        name: Of the method of its class.
        options: Of :func:`torch.compile`.
    """

    def __init__(self, module: nn.Module, name: str, **options: Any) -> None:
        self.module, self.name, self.options = module, name, options
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the method."""
        if self._compiled is None:
            method = MethodType(getattr(type(self.module), self.name), self.module)
            self._compiled = torch.compile(method, **self.options)
        return self._compiled(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: compiled code belongs to one process and one module."""
        return dict(self.__dict__, _compiled=None)
