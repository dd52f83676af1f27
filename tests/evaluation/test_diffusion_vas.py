"""The protocol of Diffusion-VAS against values counted by eye."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from c2fseg.evaluation.functional import (
    FrameScores,
    best_sample,
    clip_iou,
    clip_means,
    eroded_part,
)

SIZE = (20, 40)


def box(*sides: tuple[int, int, int, int]) -> np.ndarray:
    """(top, left, bottom, right) each, ends excluded -> (1, 20, 40) bool."""
    mask = np.zeros((1, *SIZE), bool)
    for top, left, bottom, right in sides:
        mask[0, top:bottom, left:right] = True
    return mask


def vas(*masks: np.ndarray, **options) -> FrameScores:
    return clip_iou(*masks, protocol='diffusion-vas', **options)


AMODAL = box((4, 4, 16, 30))  # 12 x 26
VISIBLE = box((4, 4, 16, 14))  # its left 10 columns; O is 12 x 16


def test_full_unites_and_occluded_is_eroded() -> None:
    # P is 12 x 10, columns 14 to 23: with V it is 12 x 20 of 12 x 26.
    # P without V is eroded from 12 x 10 to 8 x 6, O from 12 x 16 to 8 x 12: 48 of 96.
    scores = vas(box((4, 14, 16, 24)), AMODAL, VISIBLE)
    assert scores.full == pytest.approx([20 / 26])
    assert scores.occluded == pytest.approx([1 / 2])
    assert scores.counts_occluded.tolist() == [True]
    # Uniting P with V first changes nothing.
    again = vas(box((4, 4, 16, 24)), AMODAL, VISIBLE, post=True)
    assert (again.full, again.occluded) == (scores.full, scores.occluded)
    # eps stands below: 240 / (312 + 1e-6).
    assert scores.full[0] == 240 / (312 + 1e-6)


def test_a_thin_rim_is_no_occlusion() -> None:
    # V misses a rim of 2 pixels of A on each side: no 5 x 5 square fits into it.
    scores = vas(AMODAL, AMODAL, box((6, 6, 14, 28)))
    assert scores.full == pytest.approx([1])
    assert scores.occluded == [0]
    assert scores.counts_full.tolist() == [True]
    assert scores.counts_occluded.tolist() == [False]


def test_complete_failures_leave_the_mean_too() -> None:
    # Frame 0 as above, 1/2; frame 1 finds nothing of O; frame 2 is out of view.
    nothing = box()
    scores = vas(
        np.concatenate([box((4, 14, 16, 24)), nothing, nothing]),
        np.concatenate([AMODAL, AMODAL, nothing]),
        np.concatenate([VISIBLE, VISIBLE, nothing]),
    )
    assert scores.counts_occluded.tolist() == [True, False, False]
    full, occluded, *numbers = clip_means('diffusion-vas', [scores])
    assert full == pytest.approx((20 / 26 + 10 / 26 + 0) / 3)
    assert occluded == pytest.approx(1 / 2)
    assert numbers == [3, 1]
    # A frame that does not count is in neither mean.
    scores = vas(AMODAL, AMODAL, VISIBLE, counted=np.array([False]))
    assert clip_means('diffusion-vas', [scores])[2:] == (0, 0)


def test_the_border_of_the_image_erodes_nothing() -> None:
    # 6 x 6 in the corner: rows and columns 0 to 3 are left.
    eroded = eroded_part(box((0, 0, 6, 6)), box())
    np.testing.assert_array_equal(eroded, box((0, 0, 4, 4)))


@settings(max_examples=40, deadline=None)
@given(mask=arrays(np.uint8, (2, 9, 11), fill=None), visible=arrays(np.bool_, (2, 9, 11)))
def test_erosion_agrees_with_scipy(mask: np.ndarray, visible: np.ndarray) -> None:
    mask = mask > 20  # mostly filled
    visible &= np.roll(visible, 1, axis=2) & np.roll(visible, 1, axis=1)  # mostly empty
    expected = [
        ndimage.binary_erosion(m & ~v, np.ones((5, 5)), border_value=1)
        for m, v in zip(mask, visible)
    ]
    np.testing.assert_array_equal(eroded_part(mask, visible), expected)


def test_the_best_of_k_samples() -> None:
    guesses = [box((4, 14, 16, 18)), box((4, 14, 16, 24)), box((4, 14, 16, 20))]
    samples = [vas(guess, AMODAL, VISIBLE) for guess in guesses]
    assert best_sample(samples) == 1
    none = vas(AMODAL, AMODAL, VISIBLE, counted=np.array([False]))
    assert best_sample([none, samples[0]]) == 1
    for nothing in ([], [none]):
        with pytest.raises(ValueError, match='best of K samples needs'):
            best_sample(nothing)


def test_bad_masks() -> None:
    with pytest.raises(ValueError, match='one shape'):
        vas(AMODAL, AMODAL, VISIBLE[:, :5])
    with pytest.raises(ValueError, match=r'must be \(T, H, W\)'):
        vas(AMODAL[0], AMODAL[0], VISIBLE[0])
    with pytest.raises(ValueError, match='threshold probabilities'):
        vas(AMODAL * 0.5, AMODAL, VISIBLE)
