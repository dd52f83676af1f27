"""Places of occluders, against shifting and counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.datasets.occlusion_synthesis import draw_placement, hidden_shares


def covered(target: np.ndarray, occluder: np.ndarray, top: int, left: int) -> float:
    """Share of the target under the occluder, pixel by pixel."""
    count = 0
    for row, column in zip(*np.nonzero(occluder)):
        y, x = row + top, column + left
        if 0 <= y < target.shape[0] and 0 <= x < target.shape[1]:
            count += int(target[y, x] != 0)
    return count / np.count_nonzero(target)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_hidden_shares_are_those_of_every_shift(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random((5, 7)) < 0.6).astype(float)
    occluder = (rng.random((3, 4)) < 0.6).astype(float)
    target[2, 3] = occluder[1, 1] = 1
    shares = hidden_shares(target, occluder)
    assert shares.shape == (5 + 3 - 1, 7 + 4 - 1)
    for i in range(shares.shape[0]):
        for j in range(shares.shape[1]):
            expected = covered(target, occluder, i - 2, j - 3)
            assert shares[i, j] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.9))
def test_the_share_that_was_asked_for_is_hidden(seed: int, wanted: float) -> None:
    rng = np.random.default_rng(seed)
    target = np.zeros((90, 120), np.uint8)
    target[20:60, 30:80] = 1
    occluder = np.zeros((70, 90), np.uint8)
    occluder[5:65, 10:85] = 1  # covers it whole where it lies right
    place = draw_placement(target, occluder, wanted, 0.3, rng)
    found = covered(target, occluder, place.top, place.left)
    # The tolerance of the draw, and the cells of two pixels of the grid on either side.
    assert found == pytest.approx(wanted, abs=0.05 + 0.08)
    assert place.hidden == pytest.approx(found, abs=0.08)


def test_a_small_occluder_hides_what_it_can() -> None:
    target = np.ones((40, 40), np.uint8)
    occluder = np.ones((10, 10), np.uint8)
    place = draw_placement(target, occluder, 0.9, 0.3, np.random.default_rng(0))
    assert place.hidden == pytest.approx(100 / 1600)


def test_the_foot_of_an_occluder_is_rarely_above_that_of_the_object() -> None:
    target = np.zeros((80, 80), np.uint8)
    target[20:60, 20:60] = 1
    occluder = np.ones((36, 36), np.uint8)

    def above(weight: float) -> float:
        places = [
            draw_placement(target, occluder, 0.4, weight, np.random.default_rng(seed))
            for seed in range(200)
        ]
        return float(np.mean([place.top + 36 < 60 for place in places]))

    assert above(0.0) == 0
    assert 0 < above(0.3) < above(1.0)


def test_nothing_has_no_place() -> None:
    some, none = np.ones((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    for target, occluder in ((some, none), (none, some)):
        with pytest.raises(ValueError, match='has no place'):
            draw_placement(target, occluder, 0.5, 0.3, np.random.default_rng(0))
    with pytest.raises(ValueError, match='empty object'):
        hidden_shares(none.astype(float), some.astype(float))
