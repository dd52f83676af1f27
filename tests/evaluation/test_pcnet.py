"""The protocol of PCNet: pixels pooled, and the order of objects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from c2fseg.evaluation.functional import (
    OrderCounts,
    PixelScore,
    amodal_iou,
    count_order,
    get_protocol,
    order_accuracy,
    protocol_means,
    true_order,
)


def row(text: str) -> np.ndarray:
    """'##..' -> (1, 4) bool."""
    return np.array([[character == '#' for character in text]])


def pcnet(prediction: str, amodal: str) -> PixelScore:
    return amodal_iou(row(prediction), row(amodal), row(amodal), protocol='pcnet')


def test_pixels_by_hand() -> None:
    # P = 0..3, A = 2..6: both {2, 3}, either 0..6.
    score = pcnet('####....', '..#####.')
    assert score == PixelScore(intersection=2, union=7, amodal=5)
    assert score.full == pytest.approx(2 / 7)
    assert (score.counted, math.isnan(score.occluded)) == (0, True)
    assert all(type(number) is int for number in score)


def test_pixels_are_pooled_not_objects_averaged() -> None:
    # A big object that is right (8 of 8) and a small one that is missed (0 of 2): 8 / 10 each
    # way, where the mean of the objects would be 1 / 2. A false positive of 6 pixels: 8 / 16.
    big, small = pcnet('########', '########'), pcnet('........', '##......')
    means = protocol_means('pcnet', [big, small])
    assert means == {'mIoU': pytest.approx(8 / 10), 'pAcc': pytest.approx(8 / 10)}
    means = protocol_means('pcnet', [big, small, pcnet('######..', '........')])
    assert means == {'mIoU': pytest.approx(8 / 16), 'pAcc': pytest.approx(8 / 10)}
    # 1e-10 stands below the sums once: 8 / (8 + 1e-10).
    assert protocol_means('pcnet', [big])['mIoU'] == 8 / (8 + 1e-10) < 1
    assert get_protocol('pcnet').merge([big, small]) == PixelScore(8, 10, 10)


def test_empty_masks_add_nothing() -> None:
    empty = pcnet('........', '........')
    assert empty == PixelScore(0, 0, 0)
    assert empty.full == 0
    means = protocol_means('pcnet', [empty])
    assert means['mIoU'] == 0  # 0 / 1e-10
    assert math.isnan(means['pAcc'])


def test_true_order_by_hand() -> None:
    # 0 lies over 1 (its V covers 2..3 of A_1) and touches it; 2 touches 1 and neither hides the
    # other; 3 stands apart from all, though V_3 lies in A_0: no neighbours, no order.
    visible = np.stack([row(t) for t in ('.###......', '....##....', '......#...', '.........#')])
    amodal = np.stack([row(t) for t in ('.###.....#', '..####....', '......#...', '.........#')])
    expected = np.zeros((4, 4), int)
    expected[0, 1], expected[1, 0] = 1, -1
    np.testing.assert_array_equal(true_order(visible, amodal), expected)
    # The same, with the objects the other way round.
    np.testing.assert_array_equal(true_order(visible[::-1], amodal[::-1]), expected[::-1, ::-1])


def test_order_where_each_hides_the_other() -> None:
    # V_0 = 0..1, V_1 = 2..4. |V_0 and A_1| = 1 < |V_1 and A_0| = 2: 0 lies under 1.
    visible = np.stack([row('##....'), row('..###.')])
    amodal = np.stack([row('####..'), row('.####.')])
    assert true_order(visible, amodal)[0, 1] == -1
    # 1 on each side: the first is taken to lie over the second.
    amodal = np.stack([row('###...'), row('.####.')])
    assert true_order(visible, amodal)[0, 1] == 1


def test_neighbours_touch_by_edge_not_by_corner() -> None:
    corner = np.zeros((2, 2, 2), bool)
    corner[0, 0, 0] = corner[1, 1, 1] = True  # the cross does not reach over a corner
    assert not true_order(corner, np.ones_like(corner)).any()
    edge = np.zeros((2, 2, 2), bool)
    edge[0, 0, 0] = edge[1, 0, 1] = True
    assert true_order(edge, np.ones_like(edge)).any()


def test_accuracy_by_hand() -> None:
    # Pairs 01, 02, 12. Truth: 0 over 1, 1 under 2. Predicted: 0 over 1, 0 over 2, 1 over 2.
    true = np.array([[0, 1, 0], [-1, 0, -1], [0, 1, 0]])
    predicted = np.array([[0, 1, 1], [-1, 0, 1], [-1, -1, 0]])
    counts = count_order(predicted, true)
    assert counts == OrderCounts(right=1, pairs=3, right_occluded=1, occluded_pairs=2)
    assert all(type(number) is int for number in counts)
    # Saying nothing is right about pairs that have no order.
    silent = count_order(np.zeros((3, 3), int), true)
    assert silent == OrderCounts(1, 3, 0, 2)
    # Sums of pairs, not means of images: (1 + 3) of (3 + 3), 1 of 2.
    alone = count_order(np.zeros((3, 3), int), np.zeros((3, 3), int))
    assert order_accuracy([counts, alone]) == (4 / 6, 1 / 2)
    assert all(math.isnan(value) for value in order_accuracy([count_order([[0]], [[0]])]))


def test_bad_orders() -> None:
    masks = np.zeros((2, 3, 4), bool)
    with pytest.raises(ValueError, match=r'must both be \(n, H, W\), got shapes'):
        true_order(masks, masks[:1])
    with pytest.raises(ValueError, match=r'must both be \(n, H, W\)'):
        true_order(masks[0], masks[0])
    zeros = np.zeros((2, 2), int)
    with pytest.raises(ValueError, match=r'The predicted order must be \(n, n\)'):
        count_order(np.zeros((2, 3)), zeros)
    with pytest.raises(ValueError, match=r'the same objects'):
        count_order(np.zeros((3, 3)), zeros)
    for bad in ([[0, 1], [1, 0]], [[0, 2], [-2, 0]], [[1, 0], [0, 0]]):
        with pytest.raises(ValueError, match='The true order must hold 1'):
            count_order(zeros, np.array(bad))


SCENES = st.integers(1, 4).flatmap(
    lambda number: st.tuples(*[arrays(np.bool_, (number, 4, 5)) for _ in range(2)])
)


@settings(max_examples=40, deadline=None)
@given(scene=SCENES)
def test_the_true_order_agrees_with_itself(scene: tuple) -> None:
    order = true_order(*scene)
    assert (order == -order.T).all()
    counts = count_order(order, order)
    assert (counts.right, counts.right_occluded) == (counts.pairs, counts.occluded_pairs)
    assert counts.pairs == len(order) * (len(order) - 1) / 2


PIXELS = arrays(np.bool_, (3, 5))


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(PIXELS, PIXELS), min_size=1, max_size=4))
def test_pooling_is_scoring_one_long_picture(pairs: list) -> None:
    scores = [amodal_iou(p, a, a, protocol='pcnet') for p, a in pairs]
    together = amodal_iou(
        np.concatenate([p for p, _ in pairs]),
        np.concatenate([a for _, a in pairs]),
        np.concatenate([a for _, a in pairs]),
        protocol='pcnet',
    )
    assert protocol_means('pcnet', scores)['mIoU'] == protocol_means('pcnet', [together])['mIoU']
