"""Objects of a picture or clip to crops, and masks of crops back to the picture, without torch."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from c2fseg.export.manifest import Manifest
from c2fseg.utils.cropping import crop_frames
from c2fseg.utils.windows import array_boxes, object_windows


def check_objects(frames: Any, visible_masks: Any, num_frames: int) -> np.ndarray:
    """Check pictures and masks of a call.

    Args:
        frames: (T,H,W,3) uint8.
        visible_masks: (M,T,H,W); zero outside of an object, one other value inside.
        num_frames: T of the export.

    Returns:
        Masks (M,T,H,W) uint8 of 0 and 1.

    Raises:
        TypeError: They are no arrays of such dtypes.
        ValueError: Sizes do not fit, or a mask is empty or has more values.
    """
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        found = getattr(frames, 'dtype', type(frames).__name__)
        raise TypeError(f'The picture must be an RGB array of uint8, got {found}')
    if frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(f'The picture must have the shape (H, W, 3), got {frames.shape[1:]}')
    if len(frames) != num_frames:
        raise ValueError(
            f'This model was exported for {num_frames} frame(s) an object, got {len(frames)}: '
            f'export it again with --frames {len(frames)}'
        )
    masks = np.asarray(visible_masks)
    if masks.dtype == object or masks.dtype.kind not in 'biuf':
        raise TypeError(f'visible_masks must be an array of numbers, got {masks.dtype}')
    if masks.ndim != 4 or masks.shape[1:] != frames.shape[:3]:
        raise ValueError(
            f'visible_masks must have the size of the picture, {frames.shape[1:3]} for each of '
            f'{num_frames} frame(s) of each object, got the shape {masks.shape}'
        )
    for index, mask in enumerate(masks):
        inside = mask != 0
        if not inside.any():
            raise ValueError(
                f'The visible mask of object {index} is empty: an object needs at least one '
                'visible pixel'
            )
        if (mask[inside] != mask[inside][0]).any():
            raise ValueError(
                f'The visible mask of object {index} has several values beside 0: give each '
                'object a mask of its own'
            )
    return (masks != 0).astype(np.uint8)


def cut_object(
    frames: np.ndarray, visible: np.ndarray, manifest: Manifest
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut the window around an object out, as the test pipeline of the config does.

    Args:
        frames: (T,H,W,3) uint8 RGB.
        visible: (T,H,W) uint8, one pixel in it at least.
        manifest: The exported model.

    Returns:
        ``img`` (T,3,h,w) uint8, ``visible_mask`` (T,1,h,w) float32 and the windows (T,4) int64
        xyxy in pixels with exclusive ends.
    """
    crop, size = manifest.crop, (manifest.mask_size[0], manifest.mask_size[1])
    parts, windows = object_windows(
        array_boxes(visible),
        crop['enlarge'],
        (visible.shape[1], visible.shape[2]),
        crop['square'],
        crop['clip'],
        crop['track_scale'],
    )
    if manifest.channel_order == 'bgr':
        frames = frames[..., ::-1]
    img = crop_frames(frames, parts, windows, size, crop['image_interpolation'], False)
    mask = crop_frames(visible, parts, windows, size, crop['mask_interpolation'], True)
    return img.transpose(0, 3, 1, 2), mask[:, None].astype(np.float32), windows


def paste_mask(
    crop: np.ndarray, window: np.ndarray, image_size: tuple[int, int], threshold: float
) -> np.ndarray:
    """Put the mask of a window back into the picture; see :func:`paste_masks`.

    Args:
        crop: Probabilities (h,w) float32.
        window: (4,) xyxy in pixels with exclusive ends; it may leave the picture.
        image_size: (H, W).
        threshold: What a pixel of the mask must exceed.

    Returns:
        (H,W) bool.
    """
    x0, y0, x1, y1 = (int(value) for value in window)
    height, width = image_size
    mask = np.zeros(image_size, bool)
    top, bottom = max(0, y0), min(height, y1)
    left, right = max(0, x0), min(width, x1)
    if bottom > top and right > left:
        whole = cv2.resize(crop, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR) > threshold
        mask[top:bottom, left:right] = whole[top - y0 : bottom - y0, left - x0 : right - x0]
    return mask
