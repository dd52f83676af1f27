"""Putting masks of crop windows back at their places in the image.

``paste_masks`` is the inverse of ``crop_and_resize``: exact when the crop has the window's size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

PIXELS_AT_ONCE = 1 << 21  # of resized windows: more than a picture, less than a clip


def paste_masks(
    crops: torch.Tensor,
    boxes: torch.Tensor | np.ndarray,
    image_size: tuple[int, int],
    threshold: float | None = None,
) -> torch.Tensor:
    """Put masks of crop windows back at their places in the image.

    Args:
        crops: Masks or probabilities (M, h, w), floating point.
        boxes: (M, 4) the windows they were cut from, xyxy with exclusive ends; they may leave the
            image in part or as a whole.
        image_size: (H, W) of the image.
        threshold: Value above which a pixel belongs to the mask, 0 or more, looked at inside the
            windows alone; None returns the values themselves.

    Returns:
        (M, H, W) on the device of ``crops``, bool with a threshold, else in the dtype of ``crops``:
        resized bilinearly (``align_corners=False``) to the window, zero outside it.

    Raises:
        ValueError: When the shapes do not fit each other, a window has no extent or the threshold
            is negative.
    """
    corners = _checked_boxes(crops, boxes)
    if threshold is not None and not threshold >= 0:
        raise ValueError(f'paste_masks expects a threshold of 0 or more, got {threshold}')
    height, width = image_size
    dtype = crops.dtype if threshold is None else torch.bool
    canvas = crops.new_zeros((crops.shape[0], height, width), dtype=dtype)
    for (x0, y0, x1, y1), indices in _same_windows(corners):
        top, bottom = max(0, y0), min(height, y1)
        left, right = max(0, x0), min(width, x1)
        if bottom <= top or right <= left:
            continue
        windows = F.interpolate(
            torch.stack([crops[index] for index in indices])[:, None],  # (m,1,h,w)
            size=(y1 - y0, x1 - x0),
            mode='bilinear',
            align_corners=False,
        )[:, 0]
        inside = windows[:, top - y0 : bottom - y0, left - x0 : right - x0]
        if threshold is not None:
            inside = inside > threshold
        for index, window in zip(indices, inside):
            canvas[index, top:bottom, left:right] = window
    return canvas


def _checked_boxes(crops: torch.Tensor, boxes: torch.Tensor | np.ndarray) -> list[list[int]]:
    """Check crops and boxes as ``paste_masks`` says; the boxes as whole numbers."""
    if crops.ndim != 3 or not crops.is_floating_point():
        raise ValueError(
            f'paste_masks expects floating crops (M, h, w), got {crops.dtype} {tuple(crops.shape)}'
        )
    corners = np.asarray(torch.as_tensor(boxes).cpu()).astype(np.int64)
    if corners.shape != (crops.shape[0], 4):
        raise ValueError(
            f'paste_masks expects one box per crop, ({crops.shape[0]}, 4), got {corners.shape}'
        )
    for x0, y0, x1, y1 in corners.tolist():
        if x1 <= x0 or y1 <= y0:
            raise ValueError(f'a window needs positive width and height, got {[x0, y0, x1, y1]}')
    return corners.tolist()


def _same_windows(corners: list[list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """Give each window with the crops that share it, few enough to be resized at once."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, box in enumerate(corners):
        groups.setdefault(tuple(box), []).append(index)
    for window, indices in groups.items():
        x0, y0, x1, y1 = window
        most = max(1, PIXELS_AT_ONCE // ((y1 - y0) * (x1 - x0)))
        for start in range(0, len(indices), most):
            yield list(window), indices[start : start + most]
