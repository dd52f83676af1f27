"""How parameters are handed to optimizers."""

from __future__ import annotations

from .multi_optim_wrapper_constructor import MultiOptimWrapperConstructor
from .trainable_optim_wrapper_constructor import TrainableOptimWrapperConstructor

__all__ = ['MultiOptimWrapperConstructor', 'TrainableOptimWrapperConstructor']
