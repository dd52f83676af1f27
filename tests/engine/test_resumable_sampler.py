"""The training sampler: endless, a permutation an epoch, startable anywhere."""

from __future__ import annotations

from itertools import islice
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


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match='data set is empty'):
        ResumableInfiniteSampler([], seed=0)
    with pytest.raises(ValueError, match='0 or more'):
        make(3, 0).start(-1)
