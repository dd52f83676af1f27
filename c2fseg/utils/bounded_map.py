"""Work of other processes, or of a thread, of which only a little waits at any time."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TypeVar

import cv2

Item = TypeVar('Item')
Result = TypeVar('Result')

# Tasks handed out beyond those being worked on, so that no process waits for its next one.
WAITING_A_WORKER = 2


def bounded_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Apply a function to items in worker processes, in their order.

    Items are taken as workers need them: neither all items nor all results are ever held.

    Args:
        function: A function of a module, so that other processes find it.
        items: What it is applied to.
        workers: Processes; 1 works in this process.

    Yields:
        The results, in the order of the items.

    Raises:
        concurrent.futures.process.BrokenProcessPool: When a worker dies, for want of memory for
            example.
    """
    if workers == 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,))
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= WAITING_A_WORKER * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Divide items into lists.

    Args:
        items: The items.
        size: Items in each list, at least 1; the last may hold fewer.

    Yields:
        The lists.
    """
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def read_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], waiting: int
) -> Iterator[Result]:
    """Apply a function to items in a thread that is a little ahead of its caller.

    Reading files and decoding pictures then go on while the caller computes.

    Args:
        function: What is applied; an error that it raises comes up at its item's turn.
        items: What it is applied to, taken as they are needed.
        waiting: Results that are made before they are asked for, at least 1.

    Yields:
        The results, in the order of the items.
    """
    pool = ThreadPoolExecutor(1)
    futures: deque[Future[Result]] = deque()
    try:
        for item in items:
            futures.append(pool.submit(function, item))
            if len(futures) > waiting:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
