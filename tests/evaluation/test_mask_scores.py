"""Scores of single masks against numbers made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from c2fseg.evaluation.functional import mask_iou, mean_probability


def box_mask(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((20, 20), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_iou_of_two_boxes():
    assert mask_iou(box_mask(0, 0, 10, 10), box_mask(5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert mask_iou(box_mask(0, 0, 10, 10), box_mask(10, 0, 15, 10)) == 0
    assert mask_iou(box_mask(0, 0, 0, 0), box_mask(0, 0, 0, 0)) == 1


@pytest.mark.parametrize('kind', [np.asarray, torch.as_tensor])
def test_mean_probability_counts_what_is_above_one_half(kind):
    assert mean_probability(kind(np.array([[0.9, 0.7], [0.5, 0.1]]))) == pytest.approx(0.8)
    assert mean_probability(kind(np.zeros((2, 2)))) == 0
