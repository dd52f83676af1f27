"""Which of two neighbouring objects lies in front, and how many pairs a prediction gets right.

An order is a matrix ``(n, n)`` over the n objects of an image: 1 where the object of the row lies
over that of the column, -1 where it lies under it, 0 where the two do not touch or hide nothing of
each other. It belongs to the protocol ``pcnet``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Order = NDArray[np.int8]


class OrderCounts(NamedTuple):
    """How many pairs of objects are right; sums over images give the accuracies of a data set.

    Attributes:
        right: Pairs, of all, whose predicted order is the true one.
        pairs: All pairs, n (n - 1) / 2.
        right_occluded: The same of the pairs in which one object hides the other in truth.
        occluded_pairs: Their number.
    """

    right: int
    pairs: int
    right_occluded: int
    occluded_pairs: int


def true_order(visible: NDArray, amodal: NDArray) -> Order:
    """Returns the order that the true masks of an image imply.

    Two objects are neighbours when their visible masks touch after a dilation by a 3 x 3 cross.
    Of neighbours i < j, i lies over j if |V_i and A_j| >= |V_j and A_i|, under it otherwise;
    neither if both are 0.

    Args:
        visible: V of the objects, ``(n, H, W)`` bool or 0/1.
        amodal: A of the objects, the same shape.

    Raises:
        ValueError: The shapes differ or are not ``(n, H, W)``.

    Source: Self-Supervised Scene De-occlusion, CVPR 2020, and the evaluation released with it.
    """
    visible, amodal = np.asarray(visible) > 0, np.asarray(amodal) > 0
    if visible.ndim != 3 or visible.shape != amodal.shape:
        raise ValueError(
            'The visible and the amodal masks of an image must both be (n, H, W), got shapes '
            f'{visible.shape} and {amodal.shape}.'
        )
    number = len(visible)
    order = np.zeros((number, number), np.int8)
    for i in range(number):
        around = ndimage.binary_dilation(visible[i])  # scipy's own structure is the 3 x 3 cross
        for j in range(i + 1, number):
            if not (around & visible[j]).any():
                continue
            over = np.count_nonzero(visible[i] & amodal[j])
            under = np.count_nonzero(visible[j] & amodal[i])
            if over or under:
                order[i, j] = 1 if over >= under else -1
                order[j, i] = -order[i, j]
    return order


def count_order(predicted: NDArray, true: NDArray) -> OrderCounts:
    """Counts the right pairs of one image; objects that do not touch are right when both say 0.

    Args:
        predicted: Predicted order, ``(n, n)`` of -1, 0 and 1.
        true: True order, from :func:`true_order`.

    Raises:
        ValueError: The shapes differ, or a matrix is no order: other values, or a pair whose two
            entries contradict each other.
    """
    predicted, true = _check_order('predicted', predicted), _check_order('true', true)
    if predicted.shape != true.shape:
        raise ValueError(
            f'The orders must be of the same objects, got shapes {predicted.shape} (predicted) '
            f'and {true.shape} (true).'
        )
    upper = np.triu_indices(len(true), 1)  # each pair once
    right, occluded = (predicted == true)[upper], (true != 0)[upper]
    return OrderCounts(
        int(right.sum()), right.size, int((right & occluded).sum()), int(occluded.sum())
    )


def order_accuracy(images: Iterable[OrderCounts]) -> tuple[float, float]:
    """Returns the accuracy over all pairs of all images, and over the occluded pairs.

    An accuracy over nothing is NaN.
    """
    sums = [sum(values) for values in zip(OrderCounts(0, 0, 0, 0), *images)]
    right, pairs, right_occluded, occluded_pairs = sums
    return (
        right / pairs if pairs else float('nan'),
        right_occluded / occluded_pairs if occluded_pairs else float('nan'),
    )


def _check_order(name: str, order: NDArray) -> Order:
    order = np.asarray(order)
    if order.ndim != 2 or order.shape[0] != order.shape[1]:
        raise ValueError(f'The {name} order must be (n, n), got shape {order.shape}.')
    if not np.isin(order, (-1, 0, 1)).all() or (order != -order.T).any():
        raise ValueError(
            f'The {name} order must hold 1 (row over column), -1 (under) or 0, and -x at [j, i] '
            'where x is at [i, j].'
        )
    return order.astype(np.int8)
