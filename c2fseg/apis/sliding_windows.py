"""Windows that slide over a stream, so that memory follows the window and not the stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import Any, TypeVar

import numpy as np

Item = TypeVar('Item')


def check_window(window: Any, overlap: Any) -> None:
    """Check the lengths of windows.

    Args:
        window: Frames of a window, None for a single window over everything.
        overlap: Frames that a window shares with the one before.

    Raises:
        ValueError: They are no whole numbers, the window is empty, or windows do not move on.
    """
    whole = isinstance(overlap, Integral) and (window is None or isinstance(window, Integral))
    if not whole or overlap < 0 or (window is not None and (window < 1 or overlap >= window)):
        raise ValueError(
            f'Expected whole numbers with 0 <= overlap < window, got window={window!r} and '
            f'overlap={overlap!r}'
        )


def slide(
    items: Iterable[Item],
    window: int | None,
    overlap: int,
    process: Callable[[list[Item]], None],
) -> Iterator[Item]:
    """Hand out the items of a stream in order, each after every window that holds it.

    A window starts ``window - overlap`` items after the one before. The last one is shifted back,
    so that it is full whenever the stream has ``window`` items. No more than ``window`` items are
    held, beside one that was read ahead.

    Args:
        items: The stream; it is read once, no faster than needed.
        window: Items of a window, None for all of them.
        overlap: Items that two windows share, less than ``window``.
        process: Called with the items of each window; it writes what it finds into them.

    Yields:
        The items.
    """
    held: deque[Item] = deque()
    fresh = 0  # items that no window has had yet
    for item in items:
        if window is not None and len(held) == window:
            # The next window begins behind this one, wherever the stream ends.
            yield held.popleft()
        held.append(item)
        fresh += 1
        if window is not None and len(held) == window and fresh >= window - overlap:
            process(list(held))
            fresh = 0
    if fresh:
        process(list(held))
    while held:
        yield held.popleft()


def window_weights(length: int) -> np.ndarray:
    """Weights of a window's frames, where several windows cover a frame.

    A frame at the end of a window has seen half of its surroundings only, so the weights fall from
    the middle to both ends: 1, 2, 3, 2, 1.

    Args:
        length: Frames of the window.

    Returns:
        (length,) float64, positive.
    """
    position = np.arange(length)
    return np.minimum(position + 1, length - position).astype(np.float64)
