"""The protocol of ViTA-Seg against values counted by eye."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.evaluation.functional import VitaScore, amodal_iou, get_protocol, protocol_means


def row(text: str) -> np.ndarray:
    """'##..' -> (1, 4) bool."""
    return np.array([[character == '#' for character in text]])


EMPTY = row('......')


def vita(*masks: np.ndarray, **options) -> VitaScore:
    return amodal_iou(*masks, protocol='vita', **options)


def test_full_occluded_and_visible_by_hand() -> None:
    # P = 1..3 and 5, A = 0..4, V = 0..1. P and A = {1, 2, 3} of {0, 1, 2, 3, 4, 5}: 3 / 6.
    # O = {2, 3, 4}, P without V = {2, 3, 5}: 2 of {2, 3, 4, 5}. V kept: {1} of {0, 1}.
    score = vita(row('.###.#'), row('#####.'), row('##....'))
    assert score == VitaScore(3 / 6, 2 / 4, 1, 1 / 2, 1)


def test_a_head_of_the_occluded_part_replaces_the_difference() -> None:
    # The head says {4}: 1 of O = {2, 3, 4}. The full IoU is still P's.
    prediction, amodal, visible = row('.###.#'), row('#####.'), row('##....')
    score = vita(prediction, amodal, visible, occluded=row('....#.'))
    assert score == VitaScore(3 / 6, 1 / 3, 1, 1 / 2, 1)
    # What it says of V is not forgiven: {0, 4} with O is 1 of {0, 2, 3, 4}.
    assert vita(prediction, amodal, visible, occluded=row('#...#.')).occluded == 1 / 4
    with pytest.raises(ValueError, match="Only 'vita' scores a mask of the occluded part"):
        amodal_iou(prediction, amodal, visible, occluded=row('....#.'))


def test_nothing_is_smoothed_and_two_empty_masks_agree() -> None:
    assert vita(EMPTY, EMPTY, EMPTY) == VitaScore(1.0, 0.0, 0, 0.0, 0)
    right = vita(row('##....'), row('##....'), row('#.....'))
    assert right == VitaScore(1.0, 1.0, 1, 1.0, 1)
    # A sample that failed is an empty P: 0 everywhere, and counted.
    assert vita(EMPTY, row('##....'), row('#.....')) == VitaScore(0.0, 0.0, 1, 0.0, 1)
    # Unhidden: not counted, whatever P does; an empty V asks for nothing visible.
    assert vita(row('####..'), row('##....'), row('##....')) == VitaScore(1 / 2, 0.0, 0, 1.0, 1)
    assert vita(row('#.....'), row('##....'), EMPTY) == VitaScore(1 / 2, 1 / 2, 1, 0.0, 0)


def test_more_than_a_thousandth_must_be_hidden() -> None:
    amodal = np.ones((1, 2000), bool)
    for hidden, counted in ((1, 0), (2, 0), (3, 1)):  # 0.05 %, 0.1 % exactly, 0.15 %
        visible = amodal.copy()
        visible[0, :hidden] = False
        score = vita(amodal, amodal, visible)
        assert (score.counted, score.occluded) == (counted, float(counted))


def test_means() -> None:
    # Over three objects: full all, occluded the first two, visible those with a V.
    scores = [
        VitaScore(1.0, 0.5, 1, 1.0, 1),
        VitaScore(0.5, 0.0, 1, 0.0, 0),
        VitaScore(0.0, 0.0, 0, 0.5, 1),
    ]
    means = {'mIoU_full': 0.5, 'mIoU_occ': 0.25, 'visible_recall': 0.75}
    assert protocol_means('vita', scores) == means
    # The frames of a clip are averaged the same way into one object.
    assert get_protocol('vita').merge(scores) == VitaScore(0.5, 0.25, 1, 0.75, 1)
    assert get_protocol('vita').merge(scores[2:]) == scores[2]


def test_there_is_no_post_processing() -> None:
    with pytest.raises(ValueError, match="'vita' knows no post-processing"):
        vita(row('##....'), row('##....'), row('#.....'), post=True)
