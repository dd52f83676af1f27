"""The KINS-car protocol of SaVos against values counted by eye."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.evaluation.functional import (
    FrameScores,
    clip_iou,
    clip_means,
    match_by_visible_iou,
    other_objects,
)
from tests.evaluation.clips import clip


def kins_car(prediction: str, amodal: str, given: str, others: str, **options) -> FrameScores:
    """One frame; the true visible mask is empty, as it is not looked at."""
    empty = clip('.' * len(prediction))
    return clip_iou(
        clip(prediction),
        clip(amodal),
        empty,
        protocol='savos-kins-car',
        given_visible=clip(given),
        given_evaluable=~clip(others),
        **options,
    )


def test_predicted_masks_are_pasted() -> None:
    # A = 1..6, V_in = 0..3, X = 4..5, P = {2, 4, 7}: P' = V_in and {4}: {0, 1, 2, 3, 4}.
    # Full: {1, 2, 3, 4} of 0..6; in X: {4} of {4, 5}.
    scores = kins_car('..#.#..#', '.######.', '####....', '....##..')
    assert scores.full == pytest.approx([4 / 7], abs=1e-6)
    assert scores.occluded == pytest.approx([1 / 2], abs=1e-6)
    assert scores.full == [(4 + 1e-6) / (7 + 1e-6)]
    again = kins_car('..#.#..#', '.######.', '####....', '....##..', post=True)
    assert (again.full, again.occluded) == (scores.full, scores.occluded)


def test_exact_ones_are_dropped_separately() -> None:
    # Right to the pixel: neither counts. V_in right and nothing under X: occ 1 (empty) dropped.
    # V_in wrong, the part in X right: only full counts. c_t = 0: nothing counts.
    both = kins_car('....##..', '.#####..', '.###....', '....##..')
    assert (both.counts_full.tolist(), both.counts_occluded.tolist()) == ([False], [False])
    empty = kins_car('........', '.#####..', '.###....', '......##')
    assert (empty.occluded.tolist(), empty.counts_occluded.tolist()) == ([1.0], [False])
    assert empty.counts_full.tolist() == [True]
    part = kins_car('....##..', '.#####..', '.##.....', '....##..')
    assert (part.counts_full.tolist(), part.counts_occluded.tolist()) == ([True], [False])
    unlabelled = kins_car('....#...', '.#####..', '.##.....', '....##..', counted=np.array([False]))
    assert not unlabelled.counts_full.any()
    assert not unlabelled.counts_occluded.any()


def test_both_means() -> None:
    # Frame 3 holds two objects, occ 1/2 and 0; frame 4 one, 1/2, whose full score is dropped.
    scores = [
        kins_car('....#...', '.#####..', '.###....', '....##..'),  # full 4/5, occ 1/2
        kins_car('........', '.#####..', '.###....', '....##..'),  # full 3/5, occ 0
        kins_car('....#...', '.#####..', '.###....', '....##..'),  # the same as the first
    ]
    perfect = scores[2]._replace(counts_full=np.array([False]))
    scores[2] = perfect
    places = [[('v', 3)], [('v', 3)], [('v', 4)]]
    full, occluded, *numbers = clip_means('savos-kins-car', scores, places)
    assert full == pytest.approx((4 / 5 + 3 / 5) / 2, abs=1e-6)
    assert occluded == pytest.approx(((1 / 2 + 0) / 2 + 1 / 2) / 2, abs=1e-6)
    assert numbers == [1, 2]
    with pytest.raises(ValueError, match='give the places'):
        clip_means('savos-kins-car', scores)


def test_without_predicted_masks_the_truth_serves() -> None:
    masks = clip('....#...'), clip('.#####..'), clip('.###....')
    scores = clip_iou(*masks, ~clip('....##..'), protocol='savos-kins-car')
    assert scores.occluded == pytest.approx([1 / 2], abs=1e-6)
    with pytest.raises(ValueError, match=r'need evaluable masks; give evaluable\.'):
        clip_iou(*masks, protocol='savos-kins-car')
    with pytest.raises(ValueError, match=r'need evaluable masks; give given_evaluable\.'):
        clip_iou(*masks, ~clip('....##..'), protocol='savos-kins-car', given_visible=masks[2])


def test_pixels_of_other_objects() -> None:
    visible = np.concatenate([clip('##....'), clip('.##...'), clip('.....#')])
    expected = np.concatenate([clip('.##..#'), clip('##...#'), clip('###...')])
    np.testing.assert_array_equal(other_objects(visible), expected)
    assert not other_objects(visible[:1]).any()


def test_matching_by_visible_iou() -> None:
    true = np.concatenate([clip('####......'), clip('....####..'), clip('.........#')])
    # 0: 2 of 4 pixels of the first (exactly 1/2); 1: the second whole; 2: 3 of 4 of the second,
    # which is taken; nothing fits the third.
    predicted = np.concatenate(
        [clip('##........'), clip('....####..'), clip('....###...'), clip('..........')]
    )
    assert match_by_visible_iou(predicted, true) == [(0, 0), (1, 1)]
    assert match_by_visible_iou(predicted[[2, 1]], true) == [(1, 1)]
    assert match_by_visible_iou(predicted, true, threshold=0.6) == [(1, 1)]
    assert match_by_visible_iou(predicted[:0], true) == []
    with pytest.raises(ValueError, match='of one size'):
        match_by_visible_iou(predicted, true[:, :, :5])
