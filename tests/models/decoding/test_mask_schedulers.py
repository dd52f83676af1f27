"""Schedules against values computed by hand and against the reference's counts."""

from __future__ import annotations

import math

import pytest
import torch

from c2fseg.models.decoding import masked_counts
from c2fseg.registry import MASK_SCHEDULERS
from tests.parity_helpers import load_fixture

AT_HALF = {
    'CosineMaskScheduler': math.sqrt(0.5),
    'LinearMaskScheduler': 0.5,
    'SquareMaskScheduler': 0.75,
    'CubicMaskScheduler': 0.875,
    'LogMaskScheduler': 1 / 8,  # -log2(1/2) / log2(256)
}


@pytest.mark.parametrize('name', AT_HALF)
def test_values_by_hand(name):
    scheduler = MASK_SCHEDULERS.build(dict(type=name))
    assert scheduler(0.5) == pytest.approx(AT_HALF[name], rel=1e-9)
    assert scheduler(0.0) == pytest.approx(1.0)
    assert scheduler(1.0) == pytest.approx(0.0, abs=1e-9)
    ratios = torch.tensor([0.0, 0.5, 1.0])
    expected = torch.tensor([1.0, AT_HALF[name], 0.0])
    torch.testing.assert_close(scheduler(ratios), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize('name', AT_HALF)
def test_schedules_never_rise(name):
    values = MASK_SCHEDULERS.build(dict(type=name))(torch.linspace(0, 1, 101))
    assert bool((values[1:] <= values[:-1]).all())


def test_log_schedule_knows_the_number_of_tokens():
    scheduler = MASK_SCHEDULERS.build(dict(type='LogMaskScheduler', num_tokens=16))
    assert scheduler(0.25) == pytest.approx(0.5)
    assert scheduler(1 / 32) == 1.0
    with pytest.raises(ValueError, match='num_tokens'):
        MASK_SCHEDULERS.build(dict(type='LogMaskScheduler', num_tokens=1))


def test_a_ratio_outside_the_unit_interval_is_an_error():
    with pytest.raises(ValueError, match=r'must lie in \[0, 1\]'):
        MASK_SCHEDULERS.build(dict(type='CosineMaskScheduler'))(1.2)


def test_counts_agree_with_the_reference():
    cosine = MASK_SCHEDULERS.build(dict(type='CosineMaskScheduler'))
    fixture = load_fixture('schedule')
    assert len(fixture) == 7
    for name, counts in fixture.items():
        steps = int(name.removeprefix('cosine_T'))
        assert masked_counts(cosine, steps, 256) == counts.tolist()
    assert masked_counts(cosine, 3, 256)[:2] == [221, 128]


def test_counts_stay_between_one_and_one_less_than_before():
    linear = MASK_SCHEDULERS.build(dict(type='LinearMaskScheduler'))
    log = MASK_SCHEDULERS.build(dict(type='LogMaskScheduler', num_tokens=4))
    assert masked_counts(linear, 4, 8) == [6, 4, 2, 1]
    # Steps to spare: -log2(t/8) / 2 * 4 = 6, 4, 2.8, 2, 1.4, 0.8, 0.4, 0 before the bounds.
    assert masked_counts(log, 8, 4) == [3, 2, 1, 1, 1, 1, 1, 1]
