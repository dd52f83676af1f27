"""bounded_map: order, a bound on what waits, errors and deaths of workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2fseg.utils.bounded_map import WAITING_A_WORKER, bounded_map, chunks, read_ahead


def double_or_die(number: int) -> int:
    """Runs in a worker."""
    if number < 0:
        os._exit(3)
    return 2 * number


def test_workers_keep_the_order_and_take_no_more_than_they_need() -> None:
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(30):
            taken.append(number)
            yield number

    results = bounded_map(double_or_die, numbers(), 2)
    assert next(results) == 0
    assert len(taken) <= 2 * WAITING_A_WORKER
    assert list(results) == [2 * number for number in range(1, 30)]
    assert len(taken) == 30
    # The death of a worker is an error, and not an endless wait.
    with pytest.raises(BrokenProcessPool):
        list(bounded_map(double_or_die, [-1], 2))


def test_one_worker_is_this_process() -> None:
    assert list(bounded_map(lambda number: (os.getpid(), number), [1, 2], 1)) == [
        (os.getpid(), 1), (os.getpid(), 2)
    ]  # fmt: skip


@given(items=st.lists(st.integers()), size=st.integers(1, 5))
def test_chunks_hold_all_items_in_order(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
    assert all(1 <= len(part) <= size for part in parts)


def test_reading_ahead_keeps_the_order_and_a_bound() -> None:
    taken, done = [], 0

    def numbers() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    for done, result in enumerate(read_ahead(double, numbers(), waiting=3)):
        assert result == 2 * done
        assert len(taken) <= done + 4
    assert done == 19


def test_an_error_while_reading_ahead_comes_at_its_turn() -> None:
    results = read_ahead(double, [1, 2, -1, 3], waiting=3)
    assert [next(results), next(results)] == [2, 4]
    with pytest.raises(ValueError, match='-1 is negative'):
        next(results)


def double(number: int) -> int:
    if number < 0:
        raise ValueError(f'{number} is negative')
    return 2 * number
