"""A progress bar for loops that are usually over at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar('T')


def track_if_slow(
    items: Iterable[T], total: int, description: str, patience: float = 3.0
) -> Iterator[T]:
    """Pass items on; show a progress bar once it has taken a while.

    Args:
        items: What is worked through.
        total: How many there are.
        description: What is written before the bar.
        patience: Seconds before the bar appears, on standard error.

    Yields:
        The items.
    """
    started = time.monotonic()
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(description, total=total)
    shown = False
    try:
        for number, item in enumerate(items):
            yield item
            if not shown and time.monotonic() - started > patience:
                bar.start()
                shown = True
            if shown:
                bar.update(task, completed=number + 1)
    finally:
        if shown:
            bar.stop()
