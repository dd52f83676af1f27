"""Masks that are carried on: textured squares, nothing that moves, sources that correct."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from c2fseg.mask_sources import BaseMaskSource, VisibleObject
from c2fseg.structures import encode_mask
from c2fseg.tracking import ColourRefinement, DenseFlow, MaskPropagator, warp

SIDE = 96


def texture(seed: int, low: int, high: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(low, high, (SIDE, SIDE, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (5, 5), 0)


def scene(x: int, y: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A textured square of 30 px on another texture, and its mask."""
    image, mask = texture(0, 0, 160), np.zeros((SIDE, SIDE), bool)
    mask[y : y + 30, x : x + 30] = True
    image[mask] = texture(1, 90, 255)[:30, :30].reshape(-1, 3)
    return image, mask


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return (first & second).sum() / (first | second).sum()


def test_flow_of_a_shift_by_hand():
    picture = texture(3, 0, 255)
    flow = DenseFlow()(picture[:, :-4], picture[:, 4:])
    # What is at x in the first lies at x - 4 in the second.
    assert np.median(flow[10:-10, 10:-10, 0]) == pytest.approx(-4, abs=0.1)
    assert np.median(flow[10:-10, 10:-10, 1]) == pytest.approx(0, abs=0.1)
    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    moved = warp(ramp, np.full((8, 8, 2), (1.5, 0), np.float32))
    assert moved[3, :6] == pytest.approx(np.arange(6) + 1.5)
    assert not DenseFlow()(np.zeros((4, 40, 3), np.uint8), np.zeros((4, 40, 3), np.uint8)).any()


@pytest.mark.parametrize('refinement', [None, ColourRefinement()])
def test_moving_square_is_followed(refinement):
    propagator = MaskPropagator(refinement=refinement)
    before, start = scene(10)
    masks = {7: start}
    for t in range(1, 9):
        image, truth = scene(10 + 3 * t)
        masks = propagator.step(before, image, masks)
        before = image
        assert iou(masks[7], truth) > 0.85, t
    assert iou(start, truth) < 0.2


def test_nothing_changes_where_nothing_moves():
    image, mask = scene(20)
    other = np.zeros_like(mask)
    other[70:90, 5:40] = True
    found = MaskPropagator().step(image, image, {1: mask, 'b': other})
    assert (found[1] == mask).all()
    assert (found['b'] == other).all()


def test_objects_do_not_overlap_and_small_remains_go():
    image, mask = scene(20)
    inner = np.zeros_like(mask)
    inner[35:38, 25:26] = True
    found = MaskPropagator().step(image, image, {1: mask, 2: inner})
    assert list(found) == [1]
    assert MaskPropagator().step(image, image, {}) == {}


class Fixed(BaseMaskSource):
    """Finds what it was told, and keeps what it was asked."""

    def __init__(self, masks, prompts=()):
        self.masks, self.prompts, self.asked = masks, prompts, []

    def find(self, pictures):
        self.asked += pictures
        return [[VisibleObject(encode_mask(mask)) for mask in self.masks] for _ in pictures]


def test_source_corrects_by_the_best_overlap():
    image, mask = scene(20)
    wider = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0
    far = np.roll(mask, 40, 1)
    found = MaskPropagator(Fixed([far, wider])).step(image, image, {1: mask})
    assert (found[1] == wider).all()
    kept = MaskPropagator(Fixed([far])).step(image, image, {1: mask})
    assert (kept[1] == mask).all()
    asked = Fixed([wider], prompts=('boxes', 'points'))
    found = MaskPropagator(asked).step(image, image, {1: mask})
    assert (found[1] == wider).all()
    assert asked.asked[0].boxes.tolist() == [[20, 30, 50, 60]]


def test_colours_mend_a_border():
    image = np.full((SIDE, SIDE, 3), 40, np.uint8)
    truth = np.zeros((SIDE, SIDE), bool)
    truth[30:70, 30:70] = True
    image[truth] = (200, 180, 20)
    shifted = np.roll(truth, 4, 1)
    for max_side in (320, 64):
        fitted = ColourRefinement(max_side=max_side)(image, shifted)
        assert iou(fitted, truth) > 0.93 > iou(shifted, truth), max_side
    tiny = np.zeros_like(truth)
    tiny[:3, :3] = True
    assert ColourRefinement()(image, tiny) is tiny
    assert ColourRefinement()(image, np.ones_like(truth)).all()


def test_wrong_options():
    for wrong in ({'band': 0}, {'rounds': 0}, {'max_side': -1}):
        with pytest.raises(ValueError, match='positive number'):
            ColourRefinement(**wrong)
    with pytest.raises(ValueError, match='preset is one of'):
        DenseFlow('exact')
    with pytest.raises(ValueError, match='min_iou'):
        MaskPropagator(min_iou=2)
    with pytest.raises(ValueError, match='takes no boxes'):
        MaskPropagator(Fixed([], prompts=('points',)))
