"""Bootstrap intervals: against scipy, a closed form, and the groups that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from c2fseg.evaluation.functional.bootstrap import bootstrap_ratios


def column(values) -> np.ndarray:
    return np.asarray(values, dtype=float)[:, None]


def test_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).beta(2, 1, 200)
    ours = bootstrap_ratios(column(values), column(np.ones(200)), resamples=5000, seed=1)[0]
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=5000, method='percentile', rng=np.random.default_rng(2)
    ).confidence_interval
    # The ends are themselves random: their standard error is near 0.0005 here.
    np.testing.assert_allclose(ours, [theirs.low, theirs.high], atol=0.0025)


def test_agrees_with_the_normal_form() -> None:
    values = np.random.default_rng(4).normal(0.5, 0.1, 900)
    low, high = bootstrap_ratios(column(values), column(np.ones(900)), resamples=4000)[0]
    half = 1.96 * values.std() / 30
    assert low == pytest.approx(values.mean() - half, abs=0.08 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.08 * half)


def test_ratios_of_sums_agree_with_scipy() -> None:
    rng = np.random.default_rng(5)
    below = rng.integers(0, 4, 150).astype(float)  # objects of an image
    above = below * rng.uniform(0.4, 0.9, 150)
    ours = bootstrap_ratios(column(above), column(below), resamples=5000)[0]
    theirs = stats.bootstrap(
        (above, below),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        n_resamples=5000,
        method='percentile',
        rng=np.random.default_rng(6),
    ).confidence_interval
    np.testing.assert_allclose(ours, [theirs.low, theirs.high], atol=0.004)


def test_a_group_is_drawn_whole() -> None:
    # Two images, one perfect, one a failure, of 50 objects each: the mean of a resample is 0, 1/2
    # or 1, each end with probability 1/4, so the interval is everything. Drawn one by one, objects
    # would give 0.4 to 0.6.
    interval = bootstrap_ratios(np.array([[50.0], [0.0]]), np.array([[50.0], [50.0]]))
    np.testing.assert_allclose(interval, [[0.0, 1.0]])


def test_columns_are_as_if_alone_and_seeded() -> None:
    rng = np.random.default_rng(7)
    above, below = rng.uniform(size=(40, 3)), np.ones((40, 3))
    together = bootstrap_ratios(above, below, resamples=200, seed=9)
    for number in range(3):
        alone = bootstrap_ratios(above[:, [number]], below[:, [number]], resamples=200, seed=9)
        np.testing.assert_allclose(together[[number]], alone, rtol=1e-12)
    other = bootstrap_ratios(above, below, resamples=200, seed=10)
    assert not np.array_equal(other, together)


def test_what_nothing_can_be_said_about_is_nan() -> None:
    above = np.array([[1.0, 0.0], [1.0, 0.5], [1.0, 0.0]])
    below = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    interval = bootstrap_ratios(above, below)
    np.testing.assert_allclose(interval[0], [1.0, 1.0])
    assert np.isnan(interval[1]).all()
    assert np.isnan(bootstrap_ratios(above[:1], below[:1])).all()
    assert np.isnan(bootstrap_ratios(np.zeros((0, 1)), np.zeros((0, 1)))).all()


def test_messages() -> None:
    ones = np.ones((3, 1))
    with pytest.raises(ValueError, match='two arrays'):
        bootstrap_ratios(ones, np.ones((3, 2)))
    with pytest.raises(ValueError, match='resamples must be 1 or more'):
        bootstrap_ratios(ones, ones, resamples=0)
    with pytest.raises(ValueError, match='level between 0 and 1'):
        bootstrap_ratios(ones, ones, level=95)
