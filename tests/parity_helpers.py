"""Weights and inputs of the parity tests, built from a formula instead of being stored.

Every array is drawn from a numpy generator seeded with the CRC-32 of a text, so that this library
and the reference implementation see the same numbers without a file between them. The stored
fixtures in ``tests/data/parity`` hold only what the reference returned.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PARITY_DIR = Path(__file__).parent / 'data' / 'parity'

INTEGER_BUFFERS = ('num_batches_tracked',)
FULL_ELLIPSES = ((128, 120, 80, 50, 0.4), (100, 140, 60, 90, -0.7))
OCCLUDERS = ((180, 140, 50, 60, 0.1), (128, 90, 50, 50, 0.0))


def _generator(text: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(text.encode()))


def formula_weight(section: str, key: str, shape: Sequence[int]) -> Tensor:
    """The tensor of one checkpoint entry (int64 zeros for counters, float32 otherwise)."""
    shape = tuple(shape)
    if key.endswith(INTEGER_BUFFERS):
        return torch.zeros(shape, dtype=torch.int64)
    draw = _generator(f'{section}.{key}').standard_normal(shape)
    x = np.asarray(draw, dtype=np.float32)
    if key.endswith('running_mean'):
        x = 0.1 * x
    elif key.endswith('running_var'):
        x = 0.5 + np.abs(x)
    elif len(shape) <= 1:
        x = 0.02 * x + (1.0 if key.endswith('weight') else 0.0)
    else:
        x = x / math.sqrt(math.prod(shape[1:]))
    return torch.from_numpy(np.asarray(x, dtype=np.float32))


def formula_weights(section: str, shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """The tensors of a whole checkpoint section, under the reference's parameter names.

    Args:
        section: ``g_model``, ``img_encoder``, ``refine`` or ``model``; for the discriminator
            ``d_model.discriminator`` with keys that lack their leading ``discriminator.``.
        shapes: Parameter name to shape, as in the checkpoint manifest.
    """
    return {key: formula_weight(section, key, shape) for key, shape in shapes.items()}


def formula_float(name: str, shape: Sequence[int]) -> Tensor:
    """The float32 input called ``name``: standard normal numbers."""
    x = _generator(f'input/{name}').standard_normal(tuple(shape))
    return torch.from_numpy(x.astype(np.float32))


def formula_ints(name: str, hi: int, shape: Sequence[int]) -> Tensor:
    """The int64 input called ``name``: integers in [0, hi)."""
    return torch.from_numpy(_generator(f'input/{name}').integers(0, hi, tuple(shape)))


def ellipse(
    cx: float, cy: float, a: float, b: float, t: float, size: Sequence[int] = (256, 256)
) -> Tensor:
    """A filled ellipse as a float32 mask (H, W); half axes a and b, turned by t radians."""
    ys, xs = np.mgrid[: size[0], : size[1]].astype(np.float64)
    dx, dy = xs - cx, ys - cy
    u = dx * math.cos(t) + dy * math.sin(t)
    v = -dx * math.sin(t) + dy * math.cos(t)
    return torch.from_numpy(((u / a) ** 2 + (v / b) ** 2 <= 1).astype(np.float32))


def ellipse_masks() -> tuple[Tensor, Tensor]:
    """Full and visible masks of two ellipses: float32 (2, 1, 256, 256) each."""
    full = torch.stack([ellipse(*p) for p in FULL_ELLIPSES])[:, None]
    occluder = torch.stack([ellipse(*p) for p in OCCLUDERS])[:, None]
    return full, full * (1 - occluder)


def load_fixture(name: str) -> dict[str, np.ndarray]:
    """The stored reference outputs of ``tests/data/parity/<name>.npz``."""
    with np.load(PARITY_DIR / f'{name}.npz') as data:
        return {key: data[key] for key in data.files}


def load_manifest(name: str) -> dict[str, dict[str, dict[str, list[int]]]]:
    """``tests/data/parity/<name>.json``: checkpoint file to section to parameter to shape."""
    return json.loads((PARITY_DIR / f'{name}.json').read_text())
