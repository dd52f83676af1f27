"""Cropping and pasting are inverse to each other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.structures import crop_and_resize, crop_window, masks_to_boxes, paste_masks

SIZE = (40, 56)


def paste(crop: np.ndarray, box: np.ndarray) -> np.ndarray:
    crops = torch.from_numpy(crop.astype(np.float32))[None]
    return (paste_masks(crops, torch.from_numpy(box)[None], SIZE)[0] > 0.5).numpy()


@st.composite
def masks_and_windows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A mask of noise inside a box, and a window around it that may leave the image."""
    left = draw(st.integers(0, SIZE[1] - 1))
    top = draw(st.integers(0, SIZE[0] - 1))
    right = draw(st.integers(left + 1, SIZE[1]))
    bottom = draw(st.integers(top + 1, SIZE[0]))
    mask = np.zeros(SIZE, np.uint8)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    mask[top:bottom, left:right] = rng.random((bottom - top, right - left)) < 0.5
    mask[top, left] = mask[bottom - 1, right - 1] = 1
    enlarge = draw(st.floats(1.0, 3.0))
    square, clip = draw(st.booleans()), draw(st.booleans())
    return mask, crop_window(masks_to_boxes(mask), enlarge, SIZE, square, clip)


@settings(deadline=None, max_examples=100)
@given(masks_and_windows(), st.sampled_from(['nearest', 'bilinear', 'area']), st.integers(1, 3))
def test_paste_undoes_crop_exactly(
    case: tuple[np.ndarray, np.ndarray], interpolation: str, factor: int
) -> None:
    """At the window's own size, and, for the nearest pixel, at whole multiples of it."""
    mask, box = case
    factor = factor if interpolation == 'nearest' else 1
    size = (int(box[3] - box[1]) * factor, int(box[2] - box[0]) * factor)
    crop = crop_and_resize(mask, box, size, interpolation)
    assert crop.shape == size
    assert crop.dtype == np.uint8
    # int(side * enlarge) may be shorter than the box by rounding: compare inside the window only.
    x0, y0, x1, y1 = np.clip(box, 0, [SIZE[1], SIZE[0], SIZE[1], SIZE[0]])
    expected = np.zeros(SIZE, bool)
    expected[y0:y1, x0:x1] = mask[y0:y1, x0:x1]
    assert np.array_equal(paste(crop, box), expected)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(6, 50), st.integers(6, 34), st.integers(5, 14), st.integers(5, 14), st.booleans()
)
def test_paste_undoes_a_scaled_crop_nearly(x: int, y: int, a: int, b: int, clip: bool) -> None:
    mask = np.zeros(SIZE, np.uint8)
    cv2.ellipse(mask, (x, y), (a, b), 20, 0, 360, 1, -1)
    box = crop_window(masks_to_boxes(mask), 2.0, SIZE, clip=clip)
    found = paste(crop_and_resize(mask, box, (128, 128), 'nearest'), box)
    assert (found & (mask > 0)).sum() / (found | (mask > 0)).sum() > 0.95


def test_windows_outside_the_image_give_zeros_and_paste_nothing() -> None:
    image = np.full((8, 10, 3), 200, np.uint8)
    assert not crop_and_resize(image, (20, 0, 30, 8), (4, 4)).any()
    half = crop_and_resize(image, (5, 0, 15, 8), (8, 10), 'nearest')
    assert (half[:, :5] == 200).all()
    assert not half[:, 5:].any()
    boxes = np.array([[20, 0, 30, 8], [-4, -4, 2, 2]])
    pasted = paste_masks(torch.ones(2, 6, 6), boxes, (8, 10))
    assert pasted[0].sum() == 0
    assert pasted[1].sum() == 4
    assert pasted[1, :2, :2].sum() == 4


def test_paste_is_bilinear_with_pixel_centres() -> None:
    crop = torch.tensor([[[0.0, 1.0]]])
    pasted = paste_masks(crop, torch.tensor([[1, 0, 5, 1]]), (2, 6))
    assert pasted[0, 0].tolist() == [0.0, 0.0, 0.25, 0.75, 1.0, 0.0]
    assert pasted[0, 1].sum() == 0


def test_paste_keeps_dtype_and_gradient() -> None:
    crop = torch.rand(1, 4, 4, dtype=torch.float64, requires_grad=True)
    pasted = paste_masks(crop, torch.tensor([[0, 0, 4, 4]]), (5, 5))
    assert pasted.dtype == torch.float64
    pasted.sum().backward()
    assert torch.equal(crop.grad, torch.ones_like(crop))


def test_nearest_takes_the_pixel_under_the_centre() -> None:
    row = np.arange(5)[None]
    assert crop_and_resize(row, (0, 0, 5, 1), (1, 2), 'nearest').tolist() == [[1, 3]]
    wide = crop_and_resize(row, (1, 0, 3, 1), (1, 4), 'nearest')
    assert wide.tolist() == [[1, 1, 2, 2]]


def test_bilinear_shrinking_does_not_alias() -> None:
    """Stripes of one pixel become grey, whichever pixels the grid falls on."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = crop_and_resize(stripes, (0, 0, 64, 64), (64, 16))
    assert small.shape == (64, 16, 3)
    assert np.abs(small.astype(int) - 127).max() < 16
    # Only the direction that shrinks is smoothed.
    flat = crop_and_resize(stripes, (0, 0, 64, 64), (16, 64))
    assert np.abs(flat.astype(int) - stripes[:16]).max() <= 1


def test_area_averages() -> None:
    array = np.array([[0.0, 1.0, 1.0, 1.0]], np.float32)
    assert crop_and_resize(array, (0, 0, 4, 1), (1, 2), 'area').tolist() == [[0.5, 1.0]]
    one = crop_and_resize(array[..., None], (0, 0, 4, 1), (1, 2), 'area')
    assert one.shape == (1, 2, 1)


def test_bool_masks_stay_bool() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    for name in ('nearest', 'bilinear', 'area'):
        crop = crop_and_resize(mask, (0, 0, 8, 8), (4, 4), name)
        assert crop.dtype == bool
        assert crop.sum() == 4


def paste_naively(crops: torch.Tensor, boxes: np.ndarray) -> torch.Tensor:
    """Resizes each crop alone, and looks up every pixel of the image in it."""
    canvas = torch.zeros((len(crops), *SIZE), dtype=crops.dtype)
    for crop, image, (x0, y0, x1, y1) in zip(crops, canvas, boxes.tolist()):
        size = (y1 - y0, x1 - x0)
        window = F.interpolate(crop[None, None], size, mode='bilinear', align_corners=False)[0, 0]
        for y in range(max(0, y0), min(SIZE[0], y1)):
            for x in range(max(0, x0), min(SIZE[1], x1)):
                image[y, x] = window[y - y0, x - x0]
    return canvas


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 999),
    st.lists(
        st.tuples(
            st.integers(-15, 60), st.integers(-15, 45), st.integers(1, 40), st.integers(1, 30)
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.25, 0.5, 0.9]),
)
def test_pasting_many_at_once_is_pasting_each(
    seed: int, places: list[tuple[int, int, int, int]], repeats: int, threshold: float
) -> None:
    """Windows that several crops share, and a threshold inside the windows, bit by bit."""
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in places * repeats])
    generator = torch.Generator().manual_seed(seed)
    crops = torch.rand((len(boxes), 7, 9), generator=generator)
    expected = paste_naively(crops, boxes)
    assert torch.equal(paste_masks(crops, boxes, SIZE), expected)
    pasted = paste_masks(crops, boxes, SIZE, threshold)
    assert pasted.dtype == torch.bool
    assert torch.equal(pasted, expected > threshold)


def test_more_windows_than_are_resized_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    crops = torch.rand((5, 6, 6), generator=torch.Generator().manual_seed(0))
    boxes = np.array([[2, 3, 12, 13]] * 5)
    at_once = paste_masks(crops, boxes, SIZE)
    monkeypatch.setattr('c2fseg.structures.crops.PIXELS_AT_ONCE', 250)
    assert torch.equal(paste_masks(crops, boxes, SIZE), at_once)
    assert all(image.any() for image in at_once)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match='interpolation is one of'):
        crop_and_resize(np.zeros((4, 4)), (0, 0, 2, 2), (2, 2), 'cubic')
    with pytest.raises(ValueError, match='positive width'):
        crop_and_resize(np.zeros((4, 4)), (2, 0, 2, 2), (2, 2))
    with pytest.raises(ValueError, match=r'\(H, W\)'):
        crop_and_resize(np.zeros(4), (0, 0, 2, 2), (2, 2))
    with pytest.raises(ValueError, match='floating crops'):
        paste_masks(torch.ones(1, 2, 2, dtype=torch.uint8), np.zeros((1, 4)), (4, 4))
    with pytest.raises(ValueError, match='one box per crop'):
        paste_masks(torch.ones(2, 2, 2), np.zeros((1, 4)), (4, 4))
    with pytest.raises(ValueError, match='positive width'):
        paste_masks(torch.ones(1, 2, 2), np.zeros((1, 4)), (4, 4))
    with pytest.raises(ValueError, match='a threshold of 0 or more'):
        paste_masks(torch.ones(1, 2, 2), np.array([[0, 0, 2, 2]]), (4, 4), -0.5)
