"""One mask out of the guesses of several windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.apis.clip_fusion import Guess, fuse, read_guesses
from c2fseg.structures import AmodalDataSample, encode_mask

SIZE = (4, 6)
BOX = np.array([1, 0, 5, 4])  # 4 x 4 px: a crop of 4 x 4 pastes as it is


def guess(
    weight: float,
    amodal: np.ndarray,
    coarse: np.ndarray | None = None,
    own: np.ndarray | None = None,
) -> Guess:
    """A guess whose masks are its probabilities at the box, cut at one half, or ``own``."""
    crops = {'amodal': amodal} | ({} if coarse is None else {'coarse': coarse})
    masks = {}
    for name, crop in crops.items():
        whole = np.zeros(SIZE)
        whole[:, 1:5] = crop
        masks[name] = encode_mask(whole > 0.5 if own is None else own)
    tensors = {name: torch.tensor(crop, dtype=torch.float16) for name, crop in crops.items()}
    return Guess(weight, masks, tensors, BOX, score=weight / 10)


def test_a_single_guess_stays_as_it_is():
    # Its mask is not that of its probabilities: nothing is computed anew.
    own = np.random.default_rng(0).random(SIZE) > 0.5
    found, score = fuse([guess(3, np.full((4, 4), 0.75), own=own)], SIZE)
    assert (found['amodal'] == own).all()
    assert score == pytest.approx(0.3)


def test_the_weighted_mean_decides_where_windows_differ():
    first, second = np.zeros((4, 4)), np.zeros((4, 4))
    first[0], second[0] = 0.75, 0.25  # (3 * 0.75 + 0.25) / 4 = 0.625
    first[1], second[1] = 0.25, 0.75  # (3 * 0.25 + 0.75) / 4 = 0.375
    first[2], second[2] = 0.75, 1.0
    first[3], second[3] = 0.25, 1.0  # 0.4375
    found, score = fuse([guess(3, first), guess(1, second)], SIZE)
    expected = np.zeros(SIZE, bool)
    expected[[0, 2], 1:5] = True
    assert (found['amodal'] == expected).all()
    assert score == pytest.approx((3 * 0.3 + 0.1) / 4)


def test_sum_of_refined_and_coarse_where_the_model_adds_them():
    refined, coarse = np.full((4, 4), 0.375), np.full((4, 4), 0.375)
    everywhere = np.zeros(SIZE, bool)
    everywhere[:, 1:5] = True
    nowhere = np.zeros(SIZE, bool)
    pair = [
        guess(1, refined, coarse, own=everywhere),
        guess(1, np.zeros((4, 4)), np.full((4, 4), 0.125), own=nowhere),
    ]
    # (0.75 + 0.125) / 2 = 0.4375; with twice the weight of the first 1.625 / 3 = 0.54.
    assert not fuse(pair, SIZE, fuse_coarse=True)[0]['amodal'].any()
    pair[0].weight = 2
    assert (fuse(pair, SIZE, fuse_coarse=True)[0]['amodal'] == everywhere).all()
    assert not fuse(pair, SIZE, fuse_coarse=False)[0]['amodal'].any()


def test_it_is_the_mean_everywhere():
    generator = np.random.default_rng(3)
    weights = (1, 2, 5)
    crops = generator.integers(0, 17, (3, 4, 4)) / 16 + 1 / 64  # exact in half precision
    found, _ = fuse([guess(w, c) for w, c in zip(weights, crops)], SIZE)
    mean = np.tensordot(weights, crops, 1) / 8
    assert (found['amodal'][:, 1:5] == (mean > 0.5)).all()
    assert not found['amodal'][:, [0, 5]].any()


def test_guesses_of_a_sample():
    sample = AmodalDataSample(metainfo={'crop_boxes': np.stack([BOX, BOX + 1])})
    amodal = torch.tensor([0.25, 0.75]).view(2, 1, 1).expand(2, 4, 4)
    sample.pred_crop_masks = PixelData(amodal=amodal, visible=amodal)
    masks = torch.zeros(2, *SIZE, dtype=torch.bool)
    masks[1, 2, 3] = True
    sample.pred_masks = PixelData(amodal=masks, visible=masks)
    first, second = read_guesses(sample, [1, 2])
    assert (first.weight, second.weight) == (1, 2)
    assert (first.score, second.score) == (0, 0.75)
    assert list(second.masks) == ['amodal']
    assert second.box.tolist() == [2, 1, 6, 5]
    assert (fuse([second], SIZE)[0]['amodal'] == masks[1].numpy()).all()
