"""The image protocol against values computed by hand, pycocotools and the reference's numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from c2fseg.evaluation.functional import (
    ObjectScore,
    RegionCounts,
    amodal_iou,
    get_protocol,
    mean_scores,
    occlusion_rate,
)

PARITY = Path(__file__).parents[1] / 'data' / 'parity' / 'metrics.npz'
BOTH = ('c2f-image', 'c2f-image-strict')
MASKS = arrays(np.bool_, (6, 7))


def row(text: str) -> np.ndarray:
    """'##..' -> (1, 4) bool."""
    return np.array([[character == '#' for character in text]])


EMPTY = row('......')


def test_full_and_occluded_by_hand() -> None:
    # P = 0..3, A = 1..4, V = 1..2: P and A = 3 of 5 pixels; P - V = {0, 3}, O = {3, 4}: 1 of 3.
    for protocol in BOTH:
        score = amodal_iou(row('####..'), row('.####.'), row('.##...'), protocol=protocol)
        assert score.full == pytest.approx(3 / 5)
        assert score.occluded == pytest.approx(1 / 3, rel=1e-5)
        assert score.counted == 1


def test_published_form_is_float32_with_its_smoothing() -> None:
    score = amodal_iou(row('####..'), row('.####.'), row('.##...'))
    assert score.full == float(np.float32(3) / np.float32(5))
    assert score.occluded == float(np.float32(1) / (np.float32(3) + np.float32(1e-6)))
    # One pixel in one: eps is seen in float32 here.
    score = amodal_iou(row('##....'), row('##....'), row('#.....'))
    assert score.occluded == float(np.float32(1) / np.float32(1.000001)) != 1.0
    strict = amodal_iou(row('##....'), row('##....'), row('#.....'), protocol='c2f-image-strict')
    assert strict.occluded == 1.0


def test_both_masks_empty() -> None:
    # c = 0 because V is empty, and S = 0: the object counts -1 in the published form.
    assert amodal_iou(EMPTY, EMPTY, EMPTY) == ObjectScore(1.0, 0.0, -1)
    assert amodal_iou(EMPTY, EMPTY, EMPTY, given_visible=EMPTY) == ObjectScore(1.0, 0.0, 0)
    assert amodal_iou(EMPTY, EMPTY, EMPTY, protocol='c2f-image-strict') == ObjectScore(1.0, 0.0, 0)


def test_one_mask_empty() -> None:
    for protocol in BOTH:
        score = amodal_iou(EMPTY, row('.###..'), row('.#....'), protocol=protocol)
        assert score.full == pytest.approx(0, abs=1e-9)
        assert (score.occluded, score.counted) == (0.0, 1)


def test_nothing_hidden_is_not_counted_even_with_false_positives() -> None:
    for protocol in BOTH:
        score = amodal_iou(row('####..'), row('.##...'), row('.##...'), protocol=protocol)
        assert score.full == pytest.approx(2 / 4)
        assert (score.occluded, score.counted) == (0.0, 0)


def test_signed_sum_cancels() -> None:
    # V pokes out of A by one pixel and one pixel of A is hidden: |A| - |V| = 0, O = {3}.
    amodal, visible = row('.###..'), row('###...')
    published = amodal_iou(row('.###..'), amodal, visible)
    assert published.counted == 0
    assert published.occluded == pytest.approx(1, abs=1e-5)  # and yet in the numerator
    strict = amodal_iou(row('.###..'), amodal, visible, protocol='c2f-image-strict')
    assert (strict.occluded, strict.counted) == (1.0, 1)


def test_signed_sum_counts_an_object_without_hidden_part() -> None:
    amodal, visible = row('.##...'), row('####..')  # S = -2, O empty
    assert amodal_iou(amodal, amodal, visible).counted == 1
    assert amodal_iou(amodal, amodal, visible).occluded == 0.0
    assert amodal_iou(amodal, amodal, visible, protocol='c2f-image-strict').counted == 0


def test_empty_visible_mask() -> None:
    # O = A. True V: 1 - 1 = 0 only if S = 0; here c = 0 and S = 3.
    score = amodal_iou(row('.##...'), row('.###..'), EMPTY)
    assert score.counted == 0
    assert score.occluded == pytest.approx(2 / 3, rel=1e-5)
    # A predicted input mask always counts, and so does the strict form.
    assert amodal_iou(row('.##...'), row('.###..'), EMPTY, given_visible=row('.#....')).counted == 1
    strict = amodal_iou(row('.##...'), row('.###..'), EMPTY, protocol='c2f-image-strict')
    assert (strict.occluded, strict.counted) == (2 / 3, 1)


def test_post_with_predicted_input_lowers_occluded() -> None:
    # P - V = {3} = O: raw occ 1. V_in pokes out at 5: post P = {1,2,3,5}: full 3/4, occ 1/2.
    arguments = {
        'prediction': row('.###..'),
        'amodal': row('.###..'),
        'visible': row('.##...'),
        'given_visible': row('.##..#'),
        'protocol': 'c2f-image-strict',
    }
    assert amodal_iou(**arguments) == ObjectScore(1.0, 1.0, 1)
    assert amodal_iou(**arguments, post=True) == ObjectScore(3 / 4, 1 / 2, 1)


def test_means() -> None:
    scores = [ObjectScore(1.0, 0.5, 1), ObjectScore(0.5, 0.25, 0), ObjectScore(0.0, 0.0, 1)]
    assert mean_scores(scores) == (0.5, 0.375, 2.0)  # (0.5 + 0.25 + 0) / 2: as published
    full, occluded, counted = mean_scores([ObjectScore(0.5, 0.0, 0)])
    assert full == 0.5
    assert math.isnan(occluded)
    assert counted == 0
    assert math.isnan(mean_scores([])[0])


def test_occlusion_rate() -> None:
    counts = RegionCounts(amodal=row('####..'), visible=row('#.....'))
    assert occlusion_rate(counts) == 0.75
    assert occlusion_rate(RegionCounts(amodal=EMPTY, visible=EMPTY)) == 0.0
    assert occlusion_rate(RegionCounts(amodal=row('#.....'), visible=row('###...'))) == -2.0


def test_unknown_protocol_lists_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"'iou'; available: c2f-image, c2f-image-strict, pcnet"):
        get_protocol('iou')
    with pytest.raises(ValueError, match=r"'c2f-video' is one for clips: use VideoAmodalIoU"):
        get_protocol('c2f-video')


@pytest.mark.parametrize('bad', [np.full((1, 6), 0.7), np.full((1, 6), 2), np.full((1, 6), -1)])
def test_masks_must_be_binary(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"'prediction'.*threshold"):
        amodal_iou(bad, EMPTY, EMPTY)


def test_masks_must_have_one_shape() -> None:
    with pytest.raises(ValueError, match='one shape'):
        amodal_iou(np.zeros((2, 3), bool), EMPTY, EMPTY)
    with pytest.raises(ValueError, match='1 to 12 masks'):
        RegionCounts()


@settings(max_examples=60, deadline=None)
@given(prediction=MASKS, amodal=MASKS)
def test_full_iou_agrees_with_pycocotools(prediction: np.ndarray, amodal: np.ndarray) -> None:
    def code(mask: np.ndarray) -> list:
        return [coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))]

    if (prediction | amodal).any():
        expected = coco_mask.iou(code(prediction), code(amodal), [0])[0, 0]
        for protocol in BOTH:
            score = amodal_iou(prediction, amodal, amodal, protocol=protocol)
            assert score.full == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(prediction=MASKS, amodal=MASKS, visible=MASKS)
def test_against_plain_set_arithmetic(prediction, amodal, visible) -> None:
    hidden = amodal & ~visible
    outside = prediction & ~visible
    score = amodal_iou(prediction, amodal, visible, protocol='c2f-image-strict')
    assert score.counted == bool(hidden.any())
    if hidden.any():
        assert score.occluded == (outside & hidden).sum() / (outside | hidden).sum()
    published = amodal_iou(prediction, amodal, visible)
    signed = int((amodal.astype(int) - visible.astype(int)).sum())
    assert published.counted == int(visible.any()) - int(signed == 0)
    # With the true V pasted in, the occluded score cannot change.
    post = amodal_iou(prediction, amodal, visible, post=True)
    assert (post.occluded, post.counted) == (published.occluded, published.counted)
    # Pasting adds pixels and takes none away: with V inside A the full score cannot fall.
    inside = visible & amodal
    raw_full = amodal_iou(prediction, amodal, inside).full
    assert amodal_iou(prediction, amodal, inside, post=True).full >= raw_full


def test_parity_with_the_reference() -> None:
    expected = np.load(PARITY)['image']
    full = [(128, 120, 80, 50, 0.4), (100, 140, 60, 90, -0.7)]
    occluders = [(180, 140, 50, 60, 0.1), (128, 90, 50, 50, 0)]
    predictions = [(130, 122, 78, 52, 0.45), (104, 138, 58, 92, -0.7)]
    for values, a, o, p in zip(expected, full, occluders, predictions):
        amodal = ellipse(*a)
        score = amodal_iou(ellipse(*p), amodal, amodal & ~ellipse(*o))
        assert tuple(score) == tuple(values)  # bit for bit


def ellipse(cx: float, cy: float, a: float, b: float, t: float) -> np.ndarray:
    y, x = np.mgrid[:256, :256]
    u = (x - cx) * np.cos(t) + (y - cy) * np.sin(t)
    v = -(x - cx) * np.sin(t) + (y - cy) * np.cos(t)
    return (u / a) ** 2 + (v / b) ** 2 <= 1
