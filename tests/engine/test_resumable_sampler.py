"""The training sampler: endless, a permutation an epoch, startable anywhere."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, islice
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.datasets.sample_draw import SampleDraw
from c2fseg.engine import ResumableInfiniteSampler

LENGTHS = st.integers(1, 40)
SEEDS = st.integers(0, 2**31 - 1)


def make(length: int, seed: int, rank: int = 0, world: int = 1, **kwargs):
    module = 'c2fseg.engine.samplers.resumable_infinite_sampler.get_dist_info'
    with patch(module, return_value=(rank, world)):
        return ResumableInfiniteSampler(range(length), seed=seed, **kwargs)


@given(LENGTHS, SEEDS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_each_epoch_is_a_permutation(length, seed, shuffle):
    draws = list(islice(make(length, seed, shuffle=shuffle), 3 * length))
    for epoch in range(3):
        order = [draw.index for draw in draws[epoch * length : (epoch + 1) * length]]
        assert sorted(order) == list(range(length))
        assert shuffle or order == list(range(length))


@given(LENGTHS, SEEDS, st.integers(0, 200), st.integers(1, 4), st.data())
@settings(max_examples=40, deadline=None)
def test_starting_at_k_gives_the_tail(length, seed, k, world, data):
    rank = data.draw(st.integers(0, world - 1))
    whole = list(islice(make(length, seed, rank, world), k + 30))
    resumed = make(length, seed, rank, world)
    resumed.start(k)
    assert list(islice(resumed, 30)) == whole[k:]


@given(LENGTHS, SEEDS, st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_processes_share_one_order(length, seed, world):
    alone = list(islice(make(length, seed), 20 * world))
    ranks = [list(islice(make(length, seed, rank, world), 20)) for rank in range(world)]
    assert [draw for group in zip(*ranks) for draw in group] == alone


def test_draws_carry_seeds_that_differ():
    draws = list(islice(make(10, 0), 1000))
    assert all(isinstance(draw, SampleDraw) and 0 <= draw.seed < 2**32 for draw in draws)
    assert len({draw.seed for draw in draws}) == 1000
    assert [draw.seed for draw in islice(make(10, 1), 1000)] != [draw.seed for draw in draws]
    epochs = [tuple(draw.index for draw in draws[i : i + 10]) for i in range(0, 1000, 10)]
    assert len(set(epochs)) > 90


def test_a_seed_is_drawn_when_none_is_given():
    sampler = ResumableInfiniteSampler(range(5), seed=None)
    assert isinstance(sampler.seed, int)
    assert len(sampler) == 5
    assert len(make(5, 0, 0, 2)) == 3


class Pictures:
    """A data set of which only the picture of each object is known."""

    def __init__(self, pictures: list[int]) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def get_data_info(self, index: int) -> dict:
        return {'img_paths': [f'{self.pictures[index]}.png']}


PICTURES = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def grouped(pictures: list[int], seed: int, rank: int = 0, world: int = 1, **kwargs):
    module = 'c2fseg.engine.samplers.resumable_infinite_sampler.get_dist_info'
    with patch(module, return_value=(rank, world)):
        dataset = Pictures(pictures)
        return ResumableInfiniteSampler(dataset, seed=seed, group_by='image', **kwargs)


def runs(values: list[int]) -> list[tuple[int, int]]:
    """(value, how often on end)"""
    return [(value, len(list(group))) for value, group in groupby(values)]


@given(PICTURES, SEEDS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_objects_of_a_picture_come_on_end(pictures, seed, shuffle):
    length = len(pictures)
    draws = list(islice(grouped(pictures, seed, shuffle=shuffle), 2 * length))
    for epoch in range(2):
        order = [draw.index for draw in draws[epoch * length : (epoch + 1) * length]]
        assert sorted(order) == list(range(length))  # each object once
        seen = [picture for picture, _ in runs([pictures[index] for index in order])]
        assert len(seen) == len(set(pictures))  # and each picture
        if not shuffle:
            assert seen == list(dict.fromkeys(pictures))
            assert order == sorted(order, key=lambda i: (seen.index(pictures[i]), i))


@given(PICTURES, SEEDS, st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_groups_have_a_largest_size(pictures, seed, size):
    draws = list(islice(grouped(pictures, seed, group_size=size), len(pictures)))
    order = [draw.index for draw in draws]
    assert sorted(order) == list(range(len(pictures)))
    # Two groups of one picture may meet by chance; there are never more groups than needed.
    needed = sum(-(-number // size) for number in Counter(pictures).values())
    found = runs([pictures[index] for index in order])
    assert len(found) <= needed
    assert all(number <= size for _, number in found) or len(found) < needed


@given(PICTURES, SEEDS, st.integers(0, 90), st.integers(1, 4), st.integers(1, 9), st.data())
@settings(max_examples=40, deadline=None)
def test_groups_resume_anywhere(pictures, seed, k, world, run_length, data):
    rank = data.draw(st.integers(0, world - 1))
    options = {'group_size': 2, 'run_length': run_length}
    whole = list(islice(grouped(pictures, seed, rank, world, **options), k + 30))
    resumed = grouped(pictures, seed, rank, world, **options)
    resumed.start(k)
    assert list(islice(resumed, 30)) == whole[k:]


@given(PICTURES, SEEDS, st.integers(2, 4), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_processes_share_groups_in_runs(pictures, seed, world, run_length):
    """Taken in turns by runs, the draws of all processes are those of one process alone."""
    rounds = 3
    alone = list(islice(grouped(pictures, seed), rounds * run_length * world))
    options = {'run_length': run_length}
    ranks = [
        list(islice(grouped(pictures, seed, rank, world, **options), rounds * run_length))
        for rank in range(world)
    ]
    together = [
        draw
        for number in range(rounds)
        for rank in ranks
        for draw in rank[number * run_length : (number + 1) * run_length]
    ]
    assert together == alone


def test_groups_are_new_every_epoch_and_of_the_seed():
    pictures = [number // 6 for number in range(60)]

    def orders(seed: int) -> list[list[int]]:
        draws = list(islice(grouped(pictures, seed, group_size=2), 240))
        return [[d.index for d in draws[i : i + 60]] for i in range(0, 240, 60)]

    assert len({tuple(order) for order in orders(0)}) == 4
    assert orders(0) == orders(0) != orders(1)
    partners = [frozenset(order[:2]) for order in orders(0)]
    assert len(set(partners)) > 1


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'group_by': 'scene'}, "group_by is one of .*'scene'"),
        ({'group_size': 4}, "for group_by='image' only"),
        ({'group_by': 'image', 'group_size': 0}, 'group_size is at least 1'),
        ({'group_by': 'image', 'run_length': 0}, 'run_length is at least 1'),
    ],
)
def test_wrong_groups_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        ResumableInfiniteSampler(Pictures([1, 2]), seed=0, **arguments)


def test_groups_need_pictures():
    with pytest.raises(TypeError, match="group_by='image' needs a data set whose get_data_info"):
        ResumableInfiniteSampler(range(3), seed=0, group_by='image')


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match='data set is empty'):
        ResumableInfiniteSampler([], seed=0)
    with pytest.raises(ValueError, match='0 or more'):
        make(3, 0).start(-1)
