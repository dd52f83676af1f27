"""Counts the bytes that a model moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# They make a tensor and write nothing into it, or give a tensor another shape.
_NO_TRAFFIC = {
    'empty',
    'empty_like',
    'empty_permuted',
    'empty_strided',
    'new_empty',
    'new_empty_strided',
    '_unsafe_view',
}


class TrafficCounter(TorchDispatchMode):
    """Adds up, over all operations inside the ``with`` block, what they read and write.

    Every operation reads each of its input tensors once and writes each of its outputs once.
    Views are free, and elements that a broadcast repeats count once. So it is the traffic of a
    model that is computed operation by operation, with caches too small to hold a tensor: a fused
    kernel moves less, and what fits into a cache never reaches the memory.

    Args:
        weights: Tensors whose reading is also counted by itself: parameters and buffers.

    Attributes:
        total: Bytes so far.
        weights: Bytes of them that were read from the weights.
    """

    def __init__(self, weights: Iterable[Tensor] = ()) -> None:
        super().__init__()
        # Views of a weight, such as its transpose, share its storage.
        self._storages = {weight.untyped_storage().data_ptr() for weight in weights}
        self.total = 0
        self.weights = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if _moves_bytes(func):
            for tensor in _tensors((args, kwargs)):
                size = _distinct_bytes(tensor)
                self.total += size
                if tensor.untyped_storage().data_ptr() in self._storages:
                    self.weights += size
            self.total += sum(_distinct_bytes(tensor) for tensor in _tensors(result))
        return result


def _moves_bytes(func: Any) -> bool:
    """Whether an operation is more than a view or an allocation."""
    if func.namespace == 'prim' or func.overloadpacket.__name__ in _NO_TRAFFIC:
        return False
    aliases = [value.alias_info for value in func._schema.returns]
    is_view = any(alias is not None and not alias.is_write for alias in aliases)
    return not is_view


def _tensors(tree: Any) -> list[Tensor]:
    """The different tensors of a nest of lists and dicts."""
    found = {id(leaf): leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)}
    return list(found.values())


def _distinct_bytes(tensor: Tensor) -> int:
    count = 1
    for size, stride in zip(tensor.shape, tensor.stride()):
        count *= size if stride != 0 or size == 0 else 1
    return count * tensor.element_size()
