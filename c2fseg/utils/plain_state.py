"""Turn a checkpoint's content into plain values and tensors, and back.

torch's safe loading knows tensors and Python's own types only. A training's message hub holds
``HistoryBuffer`` objects and numpy scalars; they are written as tagged dicts here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_HISTORY = '__history_buffer__'
_ARRAY = '__ndarray__'
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.Tensor, torch.dtype, torch.Size)


def to_plain(value: Any, name: str = 'checkpoint') -> Any:
    """Copies a nested value into types that torch loads under its safe default.

    Args:
        value: Dicts, lists, tuples, sets, numbers, text, tensors, numpy values and
            ``HistoryBuffer`` objects, nested at will.
        name: Where the value stands, for the error message.

    Returns:
        The same content; tensors are not copied.

    Raises:
        TypeError: A value of another type is in there.
    """
    if type(value) in _PLAIN or isinstance(value, torch.Tensor):
        return value
    if isinstance(value, HistoryBuffer):
        log, count = value.data
        return {
            _HISTORY: value.max_length,
            'log': torch.from_numpy(np.array(log)),
            'count': torch.from_numpy(np.array(count)),
        }
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.array(value))}
    if isinstance(value, Mapping):
        items = [
            (to_plain(key, name), to_plain(item, f'{name}.{key}')) for key, item in value.items()
        ]
        return OrderedDict(items) if isinstance(value, OrderedDict) else dict(items)
    if isinstance(value, (list, tuple, set)):
        items = [to_plain(item, f'{name}[{index}]') for index, item in enumerate(value)]
        kind = next(kind for kind in (list, tuple, set) if isinstance(value, kind))
        return kind(items)
    for plain in (bool, int, float, str):  # subclasses of them
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(
        f'{name} is a {type(value).__module__}.{type(value).__qualname__}, which a checkpoint '
        'cannot hold safely: expected numbers, text, tensors, arrays, lists or dicts; store '
        'one of these in the message hub instead, or mark the entry as not resumed.'
    )


def from_plain(value: Any) -> Any:
    """Rebuilds what ``to_plain`` wrote: ``HistoryBuffer`` objects and arrays come back."""
    if isinstance(value, Mapping):
        if _HISTORY in value:
            buffer = HistoryBuffer(max_length=value[_HISTORY])
            buffer._log_history = value['log'].cpu().numpy()
            buffer._count_history = value['count'].cpu().numpy()
            return buffer
        if _ARRAY in value:
            return value[_ARRAY].cpu().numpy()
        items = [(key, from_plain(item)) for key, item in value.items()]
        return OrderedDict(items) if isinstance(value, OrderedDict) else dict(items)
    if type(value) in (list, tuple, set):
        return type(value)(from_plain(item) for item in value)
    return value
