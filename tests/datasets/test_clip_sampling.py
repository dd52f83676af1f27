"""Choosing the frames of a clip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.datasets.transforms import SampleClip
from tests.datasets.clips import frames_of, track


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 40),
    st.integers(2, 20),
    st.sampled_from(['random', 'start', 'centre']),
    st.integers(1, 4),
    st.integers(0, 3),
    st.booleans(),
    st.lists(st.integers(0, 39), min_size=1, max_size=3),
    st.integers(0, 999),
)
def test_any_track_gives_a_whole_clip(
    length: int,
    num_frames: int,
    mode: str,
    low: int,
    more: int,
    hold_last: bool,
    counted: list[int],
    seed: int,
) -> None:
    counted = [t % length for t in counted]
    step = SampleClip(num_frames, mode, (low, low + more), hold_last)
    np.random.seed(seed)
    results = step(track(length, counted))
    frames = frames_of(results)
    assert len(frames) == num_frames
    valid = results['frame_valid']
    real = min(length, num_frames - hold_last)
    assert valid.tolist() == [True] * real + [False] * (num_frames - real)
    assert set(frames[real:]) <= {frames[real - 1]}  # copies of the last
    steps = set(np.diff(frames[:real]).tolist())
    assert len(steps) <= 1
    assert all(1 <= s <= low + more for s in steps)
    expected = np.isin(frames, counted) & valid
    assert np.array_equal(results['frame_counted'], expected)
    assert expected.any()
    np.random.seed(seed)
    assert frames_of(step(track(length, counted))) == frames


@pytest.mark.parametrize(
    ('arguments', 'length', 'counted', 'expected'),
    [
        ({'mode': 'start'}, 10, None, [0, 1, 2, 3]),
        ({'mode': 'start', 'interval': (2, 3)}, 10, None, [0, 2, 4, 6]),
        ({'mode': 'centre'}, 10, None, [3, 4, 5, 6]),
        ({'mode': 'centre', 'interval': (3, 3)}, 10, None, [0, 3, 6, 9]),
        # Too short for every third and every second frame.
        ({'mode': 'start', 'interval': (3, 3)}, 6, None, [0, 1, 2, 3]),
        ({'mode': 'start', 'interval': (3, 3)}, 7, None, [0, 2, 4, 6]),
        ({'mode': 'random'}, 3, None, [0, 1, 2, 2]),
        ({'mode': 'random'}, 1, None, [0, 0, 0, 0]),
        ({'mode': 'start', 'hold_last': True}, 10, None, [0, 1, 2, 2]),
        ({'mode': 'start', 'hold_last': True}, 2, None, [0, 1, 1, 1]),
        # Moved to where a frame counts; an interval that passes it over becomes smaller.
        ({'mode': 'start'}, 10, [6], [3, 4, 5, 6]),
        ({'mode': 'centre'}, 10, [1], [1, 2, 3, 4]),
        ({'mode': 'start', 'interval': (3, 3)}, 10, [1], [1, 3, 5, 7]),
        # No frame counts at all: the mode alone decides.
        ({'mode': 'start'}, 10, [], [0, 1, 2, 3]),
    ],
)
def test_the_frames_by_hand(
    arguments: dict, length: int, counted: list[int] | None, expected: list[int]
) -> None:
    assert frames_of(SampleClip(4, **arguments)(track(length, counted))) == expected


def test_random_clips_reach_every_start_and_interval() -> None:
    np.random.seed(0)
    step = SampleClip(4, interval=(1, 2))
    found = {tuple(frames_of(step(track(9)))) for _ in range(300)}
    expected = {(s, s + 1, s + 2, s + 3) for s in range(6)}
    expected |= {(s, s + 2, s + 4, s + 6) for s in range(3)}
    assert found == expected


def test_a_clip_of_one_frame() -> None:
    np.random.seed(0)
    results = SampleClip(1)(track(5, [3]))
    assert frames_of(results) == [3]
    assert results['frame_valid'].tolist() == results['frame_counted'].tolist() == [True]


def test_frames_that_were_no_real_ones_stay_so() -> None:
    record = track(3)
    record['frame_valid'][1] = False
    results = SampleClip(4, 'start')(record)
    assert results['frame_valid'].tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'num_frames': 0}, 'num_frames is at least 1, got 0'),
        ({'num_frames': 1, 'hold_last': True}, 'num_frames is at least 2, got 1'),
        ({'num_frames': 4, 'mode': 'end'}, "mode is one of .*got 'end'"),
        ({'num_frames': 4, 'interval': (0, 1)}, 'interval is'),
        ({'num_frames': 4, 'interval': (3, 2)}, 'interval is'),
        ({'num_frames': 4, 'interval': (3,)}, 'interval is'),
    ],
)
def test_sample_clip_refuses_wrong_arguments(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SampleClip(**arguments)


def test_sample_clip_refuses_keys_of_different_lengths() -> None:
    record = track(5)
    record['amodal_segmentations'].pop()
    with pytest.raises(ValueError, match=r"annotation 4 of list\.txt.*'amodal_segmentations': 4"):
        SampleClip(2)(record)
    with pytest.raises(ValueError, match='one entry per frame'):
        SampleClip(2)(track(0))
