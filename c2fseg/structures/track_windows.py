"""The crop windows of an object through a clip.

Every box and window is ``xyxy`` in pixels, x the column, y the row, with exclusive ends.
"""

from __future__ import annotations

import numpy as np

from .boxes import crop_window

TRACK_SCALES = (None, 'centre', 'corner')


def track_windows(
    boxes: np.ndarray,
    enlarge: float,
    image_size: tuple[int, int],
    square: bool = False,
    clip: bool = True,
    track_scale: str | None = None,
) -> np.ndarray:
    """Give the windows that are cut out around an object's boxes, one per frame.

    A frame without a box takes a window between those of the nearest frames that have one, by
    linear interpolation of its place and size, rounded; before the first and after the last of
    them it takes theirs.

    Args:
        boxes: (T, 4) boxes; one without extent (as :func:`masks_to_boxes` gives for an empty mask)
            says that the object is not seen.
        enlarge: Factor on the sides of the boxes, positive.
        image_size: (H, W) of the frames.
        square: Give each box the length of its longer side in both directions first.
        clip: For ``track_scale=None``: cut the windows to the image. 'centre' never does, 'corner'
            always.
        track_scale: What the windows of a clip have in common. None: nothing, each is
            :func:`crop_window` of its box. 'centre': the largest height and the largest width, each
            around the centre of its own box. 'corner': the same height and width, measured on the
            clipped windows; each keeps its upper left corner and grows to the right and down, where
            it may leave the image.

    Returns:
        int64 (T, 4): the windows.

    Raises:
        ValueError: When ``boxes`` are not (T, 4), none of them has an extent, ``track_scale`` is
            unknown, or :func:`crop_window` refuses a box.

    Source: C2F-Seg, ICCV 2023, reference implementation ('corner').
    """
    if track_scale not in TRACK_SCALES:
        raise ValueError(f'track_scale is one of {TRACK_SCALES}, got {track_scale!r}')
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'track_windows expects boxes (T, 4), got shape {boxes.shape}')
    seen = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    if len(seen) == 0:
        raise ValueError(f'none of the {len(boxes)} boxes has an extent: nothing to crop')
    clip = {None: clip, 'centre': False, 'corner': True}[track_scale]
    windows = np.stack([crop_window(boxes[t], enlarge, image_size, square, clip) for t in seen])
    if track_scale == 'centre':
        sizes = windows[:, 2:] - windows[:, :2]  # odd
        growth = (sizes.max(axis=0) - sizes) // 2
        windows = np.concatenate([windows[:, :2] - growth, windows[:, 2:] + growth], axis=1)
    windows = _interpolate(windows, seen, len(boxes))
    if track_scale == 'corner':
        largest = (windows[:, 2:] - windows[:, :2]).max(axis=0)
        windows = np.concatenate([windows[:, :2], windows[:, :2] + largest], axis=1)
    return windows


def _interpolate(windows: np.ndarray, seen: np.ndarray, num_frames: int) -> np.ndarray:
    """Spread the windows of the frames ``seen`` over all frames: int64 (T, 4)."""
    frames = np.arange(num_frames)
    ends = [np.interp(frames, seen, windows[:, side]) for side in range(4)]
    # Halves go up at both ends, so that windows of one size keep it.
    return np.floor(np.stack(ends, axis=1) + 0.5).astype(np.int64)
