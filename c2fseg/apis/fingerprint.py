"""What a result depends on, as short texts: two calls with the same ones give the same files."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from c2fseg.utils.hashing import hash_file

DIGITS = 16


def digest(value: Any) -> str:
    """Hash a value by what it holds.

    Args:
        value: Numbers, texts, paths (by name), arrays, tensors, modules (by their weights),
            mappings, sequences, and objects, by their public attributes.

    Returns:
        Hexadecimal digits.
    """
    found = hashlib.sha256()
    for piece in _pieces(value, ()):
        found.update(len(piece).to_bytes(8, 'little'))
        found.update(piece)
    return found.hexdigest()[:DIGITS]


def file_digest(path: str | os.PathLike) -> str:
    """Hash the content of a file."""
    return hash_file(Path(path))[:DIGITS]


def _pieces(value: Any, parents: tuple[int, ...]) -> Iterator[bytes]:
    """The bytes of a value, part by part; ``parents`` are what it lies in."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        # numpy has no bfloat16; every one of them is a float32
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        yield f'{value.dtype} {value.shape}'.encode()
        yield np.ascontiguousarray(value).tobytes()
    elif value is None or isinstance(value, (bool, int, float, complex, str, bytes, os.PathLike)):
        yield f'{type(value).__name__} {value}'.encode()
    elif id(value) in parents:
        yield b'itself'
    else:
        yield f'{type(value).__module__}.{type(value).__qualname__}'.encode()
        inner = (*parents, id(value))
        for name, part in _parts(value):
            yield str(name).encode()
            yield from _pieces(part, inner)


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, nn.Module):
        yield from value.state_dict().items()
    elif isinstance(value, Config):
        yield from value.to_dict().items()
    elif isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (Sequence, set, frozenset)):
        yield from enumerate(value if isinstance(value, Sequence) else sorted(value, key=str))
    elif dataclasses.is_dataclass(value):
        yield from ((one.name, getattr(value, one.name)) for one in dataclasses.fields(value))
    elif not callable(value):
        public = {key: one for key, one in getattr(value, '__dict__', {}).items() if key[:1] != '_'}
        yield from public.items()
