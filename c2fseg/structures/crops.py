"""Cutting a window out of an image, and putting a mask of that window back.

``paste_masks`` is the inverse of ``crop_and_resize``: exact when the crop has the window's size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F

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
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f'interpolation is one of {INTERPOLATIONS}, got {interpolation!r}')
    if array.ndim not in (2, 3):
        raise ValueError(f'crop_and_resize expects (H, W) or (H, W, C), got {array.shape}')
    window = _cut(array, box)
    if interpolation == 'nearest':
        rows = _nearest_index(size[0], window.shape[0])
        cols = _nearest_index(size[1], window.shape[1])
        return window[rows][:, cols]  # twice as fast as both at once
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


def paste_masks(
    crops: torch.Tensor, boxes: torch.Tensor | np.ndarray, image_size: tuple[int, int]
) -> torch.Tensor:
    """Put masks of crop windows back at their places in the image.

    Args:
        crops: Masks or probabilities (M, h, w), floating point.
        boxes: (M, 4) the windows they were cut from, xyxy with exclusive ends; they may leave the
            image in part or as a whole.
        image_size: (H, W) of the image.

    Returns:
        (M, H, W) in the dtype and on the device of ``crops``: resized bilinearly
        (``align_corners=False``) to the window, zero outside it.

    Raises:
        ValueError: When the shapes do not fit each other or a window has no extent.
    """
    if crops.ndim != 3 or not crops.is_floating_point():
        raise ValueError(
            f'paste_masks expects floating crops (M, h, w), got {crops.dtype} {tuple(crops.shape)}'
        )
    corners = np.asarray(torch.as_tensor(boxes).cpu()).astype(np.int64)
    if corners.shape != (crops.shape[0], 4):
        raise ValueError(
            f'paste_masks expects one box per crop, ({crops.shape[0]}, 4), got {corners.shape}'
        )
    height, width = image_size
    canvas = crops.new_zeros((crops.shape[0], height, width))
    for index, (x0, y0, x1, y1) in enumerate(corners.tolist()):
        if x1 <= x0 or y1 <= y0:
            raise ValueError(f'a window needs positive width and height, got {[x0, y0, x1, y1]}')
        top, bottom = max(0, y0), min(height, y1)
        left, right = max(0, x0), min(width, x1)
        if bottom <= top or right <= left:
            continue
        window = F.interpolate(
            crops[index, None, None],
            size=(y1 - y0, x1 - x0),
            mode='bilinear',
            align_corners=False,
        )[0, 0]
        inside = window[top - y0 : bottom - y0, left - x0 : right - x0]
        canvas[index, top:bottom, left:right] = inside
    return canvas
