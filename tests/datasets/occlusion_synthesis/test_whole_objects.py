"""Which objects seem whole: counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.datasets.occlusion_synthesis import (
    WholeObjectRules,
    contact_share,
    main_piece_share,
    touches_border,
)


def box(rows: slice, columns: slice, size: tuple[int, int] = (20, 30)) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    mask[rows, columns] = 1
    return mask


@pytest.mark.parametrize(
    ('rows', 'columns', 'margin', 'expected'),
    [
        (slice(2, 10), slice(2, 10), 2, False),
        (slice(1, 10), slice(2, 10), 2, True),
        (slice(2, 10), slice(20, 29), 2, True),
        (slice(5, 19), slice(5, 10), 1, False),
        (slice(5, 20), slice(5, 10), 1, True),
        (slice(0, 20), slice(0, 30), 0, False),
    ],
)
def test_touches_border(rows: slice, columns: slice, margin: int, expected: bool) -> None:
    assert touches_border(box(rows, columns), margin) is expected


def test_main_piece_share() -> None:
    mask = box(slice(0, 6), slice(0, 10))  # 60 pixels
    mask[10:12, 0:10] = 1  # 20 more, apart
    assert main_piece_share(mask) == pytest.approx(0.75)
    mask[6:10, 4] = 1  # a bridge
    assert main_piece_share(mask) == 1
    assert main_piece_share(np.zeros((4, 4), np.uint8)) == 0


def test_contact_share_counts_the_band_around_the_object() -> None:
    # A 4 x 6 object has a band of one pixel of (4 + 2) (6 + 2) - 24 = 24 pixels.
    mask = box(slice(8, 12), slice(10, 16))
    right = box(slice(8, 12), slice(16, 20))  # the 4 pixels of the band at the right
    assert contact_share(mask, right, 1) == pytest.approx(4 / 24)
    assert contact_share(mask, box(slice(8, 12), slice(17, 20)), 1) == 0
    # With a band of three pixels, (4 + 6) (6 + 6) - 24 = 96, all 4 x 3 px of the wider one count.
    assert contact_share(mask, box(slice(8, 12), slice(16, 19)), 3) == pytest.approx(12 / 96)
    # What lies inside the object is no contact.
    assert contact_share(mask, mask, 3) == 0
    assert contact_share(np.ones((5, 5), np.uint8), mask[:5, :5], 3) == 0


@pytest.mark.parametrize(
    'arguments',
    [{'border_margin': -1}, {'max_contact': 1.2}, {'min_main_piece': -0.1}, {'contact_reach': 0}],
)
def test_rules_out_of_range(arguments: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        WholeObjectRules(**arguments)
