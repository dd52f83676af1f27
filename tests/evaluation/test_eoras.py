"""The protocol of EoRaS against values counted by eye."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.evaluation.functional import clip_iou, clip_means
from tests.evaluation.clips import clip


def wide(*parts: tuple[int, int]) -> np.ndarray:
    """One frame of a line of 60 pixels with [start, end) filled."""
    mask = np.zeros((1, 1, 60), bool)
    for start, end in parts:
        mask[..., start:end] = True
    return mask


def test_perfect_occluded_frames_are_dropped() -> None:
    # Frame 0: O = 4..43 found to the pixel: 40 / (40 + 1e-6) is exactly 1 in float32.
    # Frame 1: 30 of the 40: 0.75. Frame 2: nothing hidden, nothing found: 0, counted.
    amodal = np.concatenate([wide((0, 44)), wide((0, 44)), wide((0, 4))])
    visible = np.concatenate([wide((0, 4))] * 3)
    prediction = np.concatenate([wide((0, 44)), wide((0, 34)), wide((0, 4))])
    scores = clip_iou(prediction, amodal, visible, protocol='eoras')
    assert scores.occluded == pytest.approx([1, 0.75, 0])
    assert scores.counts_occluded.tolist() == [False, True, True]
    assert scores.counts_full.all()  # full drops nothing
    full = [1, 34 / 44, 1]
    assert scores.full == pytest.approx(full, abs=1e-6)
    means = clip_means('eoras', [scores])
    assert means == (pytest.approx(sum(full) / 3, abs=1e-6), pytest.approx(0.75 / 2), 3, 2)


def test_a_small_perfect_part_stays() -> None:
    # 10 pixels: 10 / (10 + 1e-6) is not 1 in float32, so the frame is not dropped.
    scores = clip_iou(wide((0, 14)), wide((0, 14)), wide((0, 4)), protocol='eoras')
    assert scores.occluded == [float(np.float32(10) / (np.float32(10) + np.float32(1e-6)))]
    assert scores.counts_occluded.tolist() == [True]


def test_frames_are_pooled_over_objects() -> None:
    # Three frames of an object at 1/2 and one of another at 0: 3/8, where tracks would give 1/4.
    half = clip_iou(clip(*['##..'] * 3), clip(*['####'] * 3), clip(*['....'] * 3), protocol='eoras')
    none = clip_iou(clip('....'), clip('####'), clip('....'), protocol='eoras')
    full, occluded, *numbers = clip_means('eoras', [half, none])
    assert (full, occluded) == (pytest.approx(3 / 8), pytest.approx(3 / 8))
    assert numbers == [4, 4]


def test_frames_without_a_label_do_not_count() -> None:
    scores = clip_iou(
        clip('##..', '....'), clip('####', '....'), clip('....', '....'), protocol='eoras',
        counted=np.array([True, False]),
    )  # fmt: skip
    assert scores.counts_full.tolist() == scores.counts_occluded.tolist() == [True, False]
    assert clip_means('eoras', [scores])[:2] == (pytest.approx(0.5), pytest.approx(0.5))


def test_post_pastes_v_where_no_other_object_is_visible() -> None:
    # A = 1..6, V = 1..3, another object at 4..5: P' = V and {4} of P.
    masks = clip('#.###..#'), clip('.######.'), clip('.###....'), ~clip('....##..')
    raw = clip_iou(*masks, protocol='eoras')
    post = clip_iou(*masks, protocol='eoras', post=True)
    assert (raw.full, post.full) == (
        pytest.approx([3 / 8], abs=1e-6),
        pytest.approx([4 / 6], abs=1e-6),
    )
    # {4} of {0, 4, 5, 6, 7}; the published occluded IoU does not change with pasting either.
    assert raw.occluded == post.occluded == pytest.approx([1 / 5], abs=1e-6)
    with pytest.raises(ValueError, match=r"'eoras' need evaluable masks; give evaluable\."):
        clip_iou(*masks[:3], protocol='eoras', post=True)


def test_predicted_visible_masks_take_the_place_of_v() -> None:
    # V_in = {1}: the occluded part is everything else of A = 0..3: P = 0..2 finds {0, 2}.
    masks = clip('###.'), clip('####'), clip('##..')
    assert clip_iou(*masks, protocol='eoras').occluded == pytest.approx([1 / 2], abs=1e-6)
    given = {'protocol': 'eoras', 'given_visible': clip('.#..')}
    scores = clip_iou(*masks, **given)
    assert scores.occluded == pytest.approx([2 / 3], abs=1e-6)
    # Post pastes V_in outside the other predicted masks: P' = {1, 2}, as 2 is another's.
    post = clip_iou(*masks, **given, given_evaluable=clip('##.#'), post=True)
    assert post.full == pytest.approx([2 / 4], abs=1e-6)
    with pytest.raises(ValueError, match='give given_evaluable'):
        clip_iou(*masks, evaluable=clip('##.#'), **given, post=True)
