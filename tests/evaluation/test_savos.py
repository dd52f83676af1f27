"""The Fishbowl protocol of SaVos: what is scored, which rows, which means."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2fseg.evaluation.functional import (
    clip_iou,
    mean_by_video_frame,
    read_rows,
    row_name,
    rows_from_truth,
)
from tests.evaluation.clips import clip

HEADER = 'v_id,obj_id,frame_id,OCC_R,Type,test,test1\n'


def write(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text(header + ''.join(f'{line}\n' for line in lines))
    return path


def test_scores_by_hand() -> None:
    # A = 1..6, V = 1..3, another object at 4..5; pixel 6 is hidden by nothing that is visible.
    # P' = V and {4} from P: full 4 of 6. Occluded region {4, 5}: P has {4}.
    scores = clip_iou(
        clip('#.###..#'), clip('.######.'), clip('.###....'), ~clip('....##..'), protocol='savos'
    )
    assert scores.full == pytest.approx([4 / 6], abs=1e-6)
    assert scores.occluded == pytest.approx([1 / 2], abs=1e-6)
    # Pasting twice changes nothing.
    again = clip_iou(
        clip('#.###..#'),
        clip('.######.'),
        clip('.###....'),
        ~clip('....##..'),
        protocol='savos',
        post=True,
    )
    assert (again.full, again.occluded) == (scores.full, scores.occluded)


def test_two_empty_masks_agree() -> None:
    empty = clip('....')
    scores = clip_iou(empty, empty, empty, ~empty, protocol='savos')
    assert (scores.full.tolist(), scores.occluded.tolist()) == ([1.0], [1.0])
    with pytest.raises(ValueError, match='need evaluable masks'):
        clip_iou(empty, empty, empty, protocol='savos')


def test_rows_from_the_truth() -> None:
    # Both ends of the range are excluded, and so are the first and the last frame, frames without
    # an object, and those fully hidden.
    shares = np.array([0.5, 0.1, 0.11, np.nan, 0.69, 0.7, 1.0, 0.4, 0.5])
    assert np.flatnonzero(rows_from_truth(shares)).tolist() == [2, 4, 7]
    for frames in (1, 2):
        assert not rows_from_truth(np.full(frames, 0.5)).any()
    # Of A = 10 pixels 9, 8, 3, 3 are visible: shares .1, .2, .7, .7.
    amodal = clip(*['#' * 10] * 4)
    visible = clip('#' * 9 + '.', '#' * 8 + '..', '###.......', '###.......')
    scores = clip_iou(amodal, amodal, visible, ~(amodal & ~visible), protocol='savos')
    assert scores.counts_full.tolist() == [False, True, False, False]
    assert np.array_equal(scores.counts_full, scores.counts_occluded)


def test_names_of_rows() -> None:
    assert row_name('00012', np.int64(3), 7.0) == row_name(12, '3', 7) == ('12', '3', 7)
    assert row_name('clip_a', 0, 0) == ('clip_a', '0', 0)


def test_rows_of_a_list(tmp_path: Path) -> None:
    path = write(
        tmp_path / 'rows.csv',
        '00012,3,7,0.5,occ,1,0',
        '12,3,8,0.1,occ,1,0',  # both ends are excluded
        '12,3,9,0.7,occ,1,0',
        '12,3,10,0.6999,occ,1.0,0',
        '12,3,11,0.5,occ,0,1',  # not in the test
        '12,3,12,,occ,1,0',  # no share
    )
    assert read_rows(path) == {('12', '3', 7), ('12', '3', 10)}


def test_bad_lists(tmp_path: Path) -> None:
    path = tmp_path / 'rows.csv'
    with pytest.raises(FileNotFoundError, match=r'rows\.csv'):
        read_rows(path)
    with pytest.raises(ValueError, match='no column obj_id, test;'):
        read_rows(write(path, header='v_id,frame_id,OCC_R\n'))
    with pytest.raises(ValueError, match=r'rows\.csv:3: expected numbers'):
        read_rows(write(path, '1,2,3,0.5,occ,1,0', '1,2,x,0.5,occ,1,0'))
    with pytest.raises(ValueError, match=r'rows\.csv:3 lists .* a second time'):
        read_rows(write(path, '1,2,3,0.5,occ,1,0', '01,2,3,0.5,occ,1,0'))
    with pytest.raises(ValueError, match='has no line with'):
        read_rows(write(path, '1,2,3,0.9,occ,1,0'))


def test_objects_are_averaged_before_frames() -> None:
    # Frame 4 of video a: two objects, (1 + 0) / 2; frame 5: 1; frame 4 of video b: 0.
    places = [('a', 4), ('a', 4), ('a', 5), ('b', 4)]
    assert mean_by_video_frame(places, [1, 0, 1, 0]) == pytest.approx(0.5)
    assert math.isnan(mean_by_video_frame([], []))


@given(st.lists(st.tuples(st.sampled_from('abc'), st.integers(0, 3), st.floats(0, 1)), min_size=1))
def test_means_by_frame_against_dictionaries(rows: list[tuple[str, int, float]]) -> None:
    groups: dict[tuple[str, int], list[float]] = {}
    for video, frame, value in rows:
        groups.setdefault((video, frame), []).append(value)
    expected = np.mean([np.mean(values) for values in groups.values()])
    result = mean_by_video_frame([row[:2] for row in rows], [row[2] for row in rows])
    assert result == pytest.approx(expected)
