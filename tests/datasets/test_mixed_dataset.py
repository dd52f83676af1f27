"""Several data sets as one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from c2fseg.datasets import MixedDataset, SampleDraw
from c2fseg.engine import ResumableInfiniteSampler

from .photographs import instances, write_photographs


class Numbers:
    """A data set of numbers that notes the seeds it is given."""

    def __init__(self, first: int, length: int) -> None:
        self.values = list(range(first, first + length))
        self.metainfo = {'first': first}

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, idx: int | SampleDraw) -> tuple[int, int | None]:
        if isinstance(idx, SampleDraw):
            return self.values[idx.index], idx.seed
        return self.values[idx], None

    def get_data_info(self, idx: int) -> dict:
        return {'value': self.values[idx]}

    def full_init(self) -> None:
        self.ready = True


def test_without_shares_every_object_comes_once() -> None:
    mixed = MixedDataset([Numbers(0, 3), Numbers(10, 2)])
    assert [mixed[i][0] for i in range(len(mixed))] == [0, 1, 2, 10, 11]
    assert [mixed.get_data_info(i)['value'] for i in range(5)] == [0, 1, 2, 10, 11]
    assert mixed.metainfo == {'first': 0}
    mixed.full_init()
    assert all(item.ready for item in mixed.datasets)


def test_shares_repeat_the_smaller_one() -> None:
    mixed = MixedDataset([Numbers(0, 8), Numbers(10, 2)], shares=(1, 1))
    assert len(mixed) == 16
    counts = Counter(mixed[i][0] for i in range(len(mixed)))
    assert counts == {**dict.fromkeys(range(8), 1), 10: 4, 11: 4}
    # A share of a quarter: 8 objects once, two thirds of 24 for the other... in whole draws.
    quarter = MixedDataset([Numbers(0, 2), Numbers(10, 6)], shares=(0.25, 0.75))
    assert Counter(quarter[i][0] // 10 for i in range(len(quarter))) == {0: 2, 1: 6}


def test_a_sampler_draws_by_shares_and_its_seed_arrives() -> None:
    mixed = MixedDataset([Numbers(0, 100), Numbers(1000, 3)], shares=(0.3, 0.7))
    draws = iter(ResumableInfiniteSampler(mixed, seed=1))
    drawn = [mixed[next(draws)] for _ in range(1500)]
    small = np.mean([value >= 1000 for value, _ in drawn])
    assert small == pytest.approx(0.7, abs=0.05)
    assert len({seed for _, seed in drawn}) > 1490


def test_a_lazy_mix_reads_nothing_yet(tmp_path: Path) -> None:
    mixed = MixedDataset([instances(tmp_path), instances(tmp_path)], lazy_init=True)
    write_photographs(tmp_path)  # only now
    mixed.full_init()
    assert len(mixed) == 4
    assert mixed.metainfo['classes'] == ('box', 'crate')


@pytest.mark.parametrize(
    ('lengths', 'shares', 'message'),
    [
        ([], None, 'at least one'),
        ([3, 3], (1,), 'as many positive shares'),
        ([3, 3], (1, 0), 'as many positive shares'),
        ([10**6, 1], (1e-9, 1), 'nearer to each other'),
    ],
)
def test_bad_arguments(lengths: list[int], shares: tuple | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixedDataset([Numbers(0, length) for length in lengths], shares)


def test_positions_outside() -> None:
    mixed = MixedDataset([Numbers(0, 3)])
    for position in (-1, 3):
        with pytest.raises(IndexError, match='a mix of 3 objects'):
            mixed[position]
