"""Windows over a stream: coverage, order, the last window, what is held, weights."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2fseg.apis.sliding_windows import check_window, slide, window_weights


def run(total: int, window: int | None, overlap: int) -> tuple[list[int], list[list[int]], int]:
    """Items as they come out, the windows, and the most items between reading and handing out."""
    windows: list[list[int]] = []
    read, most = 0, 0

    def source():
        nonlocal read
        for item in range(total):
            read += 1
            yield item

    out: list[int] = []
    for item in slide(source(), window, overlap, windows.append):
        # Whatever comes out has been in all of its windows before.
        assert any(item in one for one in windows)
        most = max(most, read - len(out))
        out.append(item)
    return out, windows, most


@pytest.mark.parametrize(
    ('total', 'starts'),
    [
        (0, []),
        (1, [0]),
        (7, [0]),
        (24, [0]),
        (25, [0, 1]),
        (40, [0, 16]),
        (41, [0, 16, 17]),
        (61, [0, 16, 32, 37]),
    ],
)
def test_starts_of_windows_by_hand(total, starts):
    out, windows, _ = run(total, 24, 8)
    assert out == list(range(total))
    assert [one[0] for one in windows] == starts
    assert [len(one) for one in windows] == [min(total, 24)] * len(starts)


@given(st.integers(0, 60), st.integers(1, 20), st.data())
def test_every_item_comes_once_after_its_windows(total, window, data):
    overlap = data.draw(st.integers(0, window - 1))
    out, windows, most = run(total, window, overlap)
    assert out == list(range(total))
    assert sorted({item for one in windows for item in one}) == out
    for one in windows:
        assert one == list(range(one[0], one[0] + min(total, window)))
    steps = [b[0] - a[0] for a, b in pairwise(windows)]
    assert all(step == window - overlap for step in steps[:-1])
    assert all(0 < step <= window - overlap for step in steps[-1:])
    # One item is read ahead, to know whether the stream goes on.
    assert most <= window + 1


def test_a_single_window_over_everything():
    out, windows, most = run(61, None, 0)
    assert windows == [out]
    assert most == 61


def test_weights_fall_to_both_ends():
    assert window_weights(1).tolist() == [1]
    assert window_weights(4).tolist() == [1, 2, 2, 1]
    assert window_weights(5).tolist() == [1, 2, 3, 2, 1]


@pytest.mark.parametrize(
    ('window', 'overlap'), [(0, 0), (4, 4), (4, -1), (2.5, 1), (4, '1'), (None, -1), (-3, 0)]
)
def test_windows_that_do_not_move_are_refused(window, overlap):
    with pytest.raises(ValueError, match='0 <= overlap < window'):
        check_window(window, overlap)
