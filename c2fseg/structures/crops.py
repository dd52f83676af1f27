"""Putting masks of crop windows back at their places in the image.

``paste_masks`` is the inverse of ``crop_and_resize``: exact when the crop has the window's size.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


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
