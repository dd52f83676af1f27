"""Cutting windows out of images and masks, with numpy and OpenCV alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

INTERPOLATIONS = ('bilinear', 'nearest', 'area')


def crop_and_resize(
    array: np.ndarray,
    box: Sequence[int] | np.ndarray,
    size: tuple[int, int],
    interpolation: str = 'bilinear',
) -> np.ndarray:
    """Cut a window out of an image or a mask and resize it, without keeping its aspect ratio.

    Args:
        array: Image (H, W, C) or mask (H, W), any numeric dtype for 'nearest', uint8 or float32
            otherwise; bool is accepted and returned for all three (bilinear and area results are
            then cut at one half).
        box: Window xyxy in pixels with exclusive ends. What lies outside the image is zero.
        size: (h, w) of the result.
        interpolation: 'nearest', 'area', or 'bilinear' (a direction that shrinks is smoothed by a
            Gaussian first, so that fine texture does not alias).

    Returns:
        The crop, (h, w) or (h, w, C), in the dtype of ``array``.

    Raises:
        ValueError: For an unknown interpolation, a window without extent or a wrong shape.
    """
    if array.ndim not in (2, 3):
        raise ValueError(f'crop_and_resize expects (H, W) or (H, W, C), got {array.shape}')
    return _resample(_cut(array, box), size, interpolation)


def _resample(window: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resize what was cut out, as :func:`crop_and_resize` says."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f'interpolation is one of {INTERPOLATIONS}, got {interpolation!r}')
    if interpolation == 'nearest':
        rows = _nearest_index(size[0], window.shape[0])
        cols = _nearest_index(size[1], window.shape[1])
        # One after the other is much faster than both at once; columns are picked, which takes
        # longer, where there are fewer rows.
        if size[0] < window.shape[0]:
            return window[rows][:, cols]
        return window[:, cols][rows]
    if window.dtype == np.bool_:
        return _resize(window.astype(np.float32), size, interpolation) > 0.5
    return _resize(window, size, interpolation)


def _cut(array: np.ndarray, box: Sequence[int] | np.ndarray) -> np.ndarray:
    """Slice a window out of ``array``, zero where it leaves the image."""
    x0, y0, x1, y1 = (int(value) for value in box)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f'a crop window needs positive width and height, got {[x0, y0, x1, y1]}')
    height, width = array.shape[:2]
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return array[y0:y1, x0:x1]
    window = np.zeros((y1 - y0, x1 - x0, *array.shape[2:]), dtype=array.dtype)
    top, bottom = max(0, y0), min(height, y1)
    left, right = max(0, x0), min(width, x1)
    if bottom > top and right > left:
        window[top - y0 : bottom - y0, left - x0 : right - x0] = array[top:bottom, left:right]
    return window


def _nearest_index(length: int, source: int) -> np.ndarray:
    """Source positions whose pixels hold the centres of ``length`` equal target pixels."""
    return ((2 * np.arange(length, dtype=np.int64) + 1) * source) // (2 * length)


def _resize(window: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    h, w = size
    if window.shape[:2] == (h, w):
        return window.copy()
    if interpolation == 'area':
        resized = cv2.resize(np.ascontiguousarray(window), (w, h), interpolation=cv2.INTER_AREA)
    else:
        smooth = _anti_alias(np.ascontiguousarray(window), size)
        resized = cv2.resize(smooth, (w, h), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(h, w, *window.shape[2:])  # OpenCV drops a single channel


def _anti_alias(window: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Smooth the directions that shrink: sigma = (factor - 1) / 2, four sigmas to each side."""
    sigma_y, sigma_x = ((s - t) / (2 * t) if s > t else 0.0 for s, t in zip(window.shape, size))
    if sigma_x == 0 and sigma_y == 0:
        return window
    kernel = [2 * math.ceil(4 * sigma) + 1 for sigma in (sigma_x, sigma_y)]
    # OpenCV reads a sigma of 0 as "choose one"; with a kernel side of 1 any value means no blur.
    return cv2.GaussianBlur(window, kernel, max(sigma_x, 1e-3), sigmaY=max(sigma_y, 1e-3))


def crop_frames(
    frames: np.ndarray,
    parts: np.ndarray,
    windows: np.ndarray,
    size: tuple[int, int],
    interpolation: str,
    binary: bool,
) -> np.ndarray:
    """Cut a part out of each frame; it fills the upper left of its crop as it fills its window.

    Args:
        frames: (T, H, W, C), or masks (T, H, W).
        parts: (T, 4) what is cut out of each frame, xyxy in pixels with exclusive ends.
        windows: (T, 4) what the whole crops stand for; a part that is all of its window fills it.
        size: (h, w) of the crops.
        interpolation: One of ``INTERPOLATIONS``.
        binary: The frames are masks, and stay masks.

    Returns:
        (T, h, w, C) or (T, h, w), uint8 for masks, else in the dtype of the frames; zero beside
        the part.
    """
    dtype = np.uint8 if binary else frames.dtype
    crops = np.zeros((len(frames), *size, *frames.shape[3:]), dtype)
    for frame, (array, part, window) in enumerate(zip(frames, parts, windows)):
        h, w = _part_size(part, window, size)
        cut = _cut(array, part)
        crops[frame, :h, :w] = _resample(cut != 0 if binary else cut, (h, w), interpolation)
    return crops


def _part_size(part: np.ndarray, window: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width in the crop of what a part of a window becomes, rounded."""
    width, height = part[2:] - part[:2]
    whole_width, whole_height = window[2:] - window[:2]
    h, w = size
    return max(1, round(height * h / whole_height)), max(1, round(width * w / whole_width))
