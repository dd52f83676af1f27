"""Pairs of things that fit each other best."""

from __future__ import annotations

import numpy as np

from c2fseg.utils.matching import best_pairs


def test_the_largest_pair_comes_first() -> None:
    overlap = np.array([[0.9, 0.8], [0.85, 0.1], [0.9, 0.8]])
    # The upper of the two .9, then the .8 of the lowest row: the row of .85 comes too late.
    assert best_pairs(overlap, 0.5) == [(0, 0), (2, 1)]
    assert best_pairs(overlap, 0.95) == []
