"""What calls for pictures and for videos share: seed, progress bar, names of objects, errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from hashlib import blake2b
from numbers import Integral
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ON_ERROR = ('raise', 'skip')
# What a wrong picture or mask raises; anything else is a defect and is never skipped.
INPUT_ERRORS = (OSError, ValueError, TypeError, KeyError)


def check_options(batch_size: Any, seed: Any, on_error: Any) -> None:
    """Check the options of a call.

    Args:
        batch_size: Whole number of at least 1.
        seed: Whole number.
        on_error: One of ``ON_ERROR``.

    Raises:
        ValueError, TypeError: One is not.
    """
    if not isinstance(batch_size, Integral) or cast(int, batch_size) < 1:
        raise ValueError(f'batch_size must be a whole number of at least 1, got {batch_size!r}')
    if not isinstance(seed, Integral):
        raise TypeError(f'seed must be a whole number, got {seed!r}')
    if on_error not in ON_ERROR:
        raise ValueError(f'on_error must be one of {ON_ERROR}, got {on_error!r}')


def error_text(error: Exception) -> str:
    """The message of an error; a KeyError quotes its own."""
    return str(error.args[0]) if isinstance(error, KeyError) else str(error)


def sample_name(visible: np.ndarray) -> str:
    """A name for an object that depends on its mask alone: the decoding is seeded with it.

    Args:
        visible: (H, W) or (T, H, W) of 0 and 1; a clip of one frame is named as a picture.

    Returns:
        16 hexadecimal digits.
    """
    digest = blake2b(np.packbits(visible).tobytes(), digest_size=8)
    shape = visible.shape[1:] if len(visible) == 1 and visible.ndim == 3 else visible.shape
    digest.update(repr(shape).encode())
    return digest.hexdigest()


@contextmanager
def seeded(model: Any, seed: int) -> Iterator[None]:
    """Give the model's decoding a seed for the time of a call."""
    settings = getattr(model, 'test_cfg', None)
    if settings is None or isinstance(settings, type) or not is_dataclass(settings):
        yield  # nothing random
        return
    model.test_cfg = replace(cast(Any, settings), seed=seed)
    try:
        yield
    finally:
        model.test_cfg = settings


def progress_bar(shown: bool) -> Progress:
    """A bar on the standard error stream that vanishes when it is done."""
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
        transient=True,
    )
