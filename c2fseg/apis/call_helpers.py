"""What calls for pictures and for videos share: seed, progress bar, names of objects, errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from numbers import Integral
from typing import Any, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from c2fseg.utils.hashing import sample_name as sample_name

ON_ERROR = ('raise', 'skip')
# What a wrong picture or mask raises; anything else is a defect and is never skipped.
INPUT_ERRORS = (OSError, ValueError, TypeError, KeyError)


def check_options(batch_size: Any, seed: Any, on_error: Any, num_hypotheses: Any = 1) -> None:
    """Check the options of a call.

    Args:
        batch_size: Whole number of at least 1.
        seed: Whole number.
        on_error: One of ``ON_ERROR``.
        num_hypotheses: Whole number of at least 1.

    Raises:
        ValueError, TypeError: One is not.
    """
    for name, value in (('batch_size', batch_size), ('num_hypotheses', num_hypotheses)):
        if not isinstance(value, Integral) or cast(int, value) < 1:
            raise ValueError(f'{name} must be a whole number of at least 1, got {value!r}')
    if not isinstance(seed, Integral):
        raise TypeError(f'seed must be a whole number, got {seed!r}')
    if on_error not in ON_ERROR:
        raise ValueError(f'on_error must be one of {ON_ERROR}, got {on_error!r}')


def error_text(error: Exception) -> str:
    """The message of an error; a KeyError quotes its own."""
    return str(error.args[0]) if isinstance(error, KeyError) else str(error)


def check_guesses(model: Any, num_hypotheses: int) -> None:
    """Check that a model can make so many guesses for an object.

    Args:
        model: The model.
        num_hypotheses: Whole shapes to guess.

    Raises:
        ValueError: It makes one guess only.
    """
    if num_hypotheses != 1 and not hasattr(getattr(model, 'test_cfg', None), 'num_hypotheses'):
        raise ValueError(
            f'{type(model).__name__} makes one guess for an object: expected num_hypotheses=1, got '
            f'{num_hypotheses}'
        )


@contextmanager
def seeded(model: Any, seed: int, num_hypotheses: int = 1) -> Iterator[None]:
    """Give the model's decoding a seed and a number of guesses for the time of a call.

    Args:
        model: The model.
        seed: The seed.
        num_hypotheses: Whole shapes to guess for each object.

    Raises:
        ValueError: The model makes one guess only, and several are asked for.
    """
    check_guesses(model, num_hypotheses)
    settings = getattr(model, 'test_cfg', None)
    if settings is None or isinstance(settings, type) or not is_dataclass(settings):
        yield  # nothing random
        return
    changes: dict[str, Any] = {'seed': seed}
    if hasattr(settings, 'num_hypotheses'):
        changes['num_hypotheses'] = num_hypotheses
    model.test_cfg = replace(cast(Any, settings), **changes)
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
