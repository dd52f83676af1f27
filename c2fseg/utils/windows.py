"""Where crops lie: the box around a mask, the window around a box, the windows of a clip.

Every box is ``xyxy`` in pixels, x the column, y the row, with exclusive ends. Arrays alone: what
runs without torch lays its windows with the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TRACK_SCALES = (None, 'centre', 'corner')


def array_boxes(masks: np.ndarray) -> np.ndarray:
    """Give the tight box around the non-zero pixels of each mask.

    Args:
        masks: Masks (..., H, W).

    Returns:
        int64 boxes (..., 4), zeros for an empty mask.
    """
    present = np.asarray(masks) != 0
    left, right = _extent(present.any(axis=-2))
    top, bottom = _extent(present.any(axis=-1))
    return np.stack([left, top, right, bottom], axis=-1)


def _extent(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First filled position and one past the last along the last axis, zeros when none is."""
    some = line.any(axis=-1)
    first = np.where(some, line.argmax(axis=-1), 0).astype(np.int64)
    end = np.where(some, line.shape[-1] - line[..., ::-1].argmax(axis=-1), 0).astype(np.int64)
    return first, end


def crop_window(
    box: Sequence[int] | np.ndarray,
    enlarge: float,
    image_size: tuple[int, int],
    square: bool = False,
    clip: bool = True,
) -> np.ndarray:
    """Give the window that is cut out around a box.

    Rows and columns alike, for a box from r0 to r1: the centre is ``(r0 + r1) // 2``, the length
    ``int((r1 - r0) * enlarge)``, and the window holds the rows from ``centre - length // 2`` to
    ``centre + length // 2``, the last one included.

    Args:
        box: Box xyxy in pixels with exclusive ends. Fractions count until the rounding above.
        enlarge: Factor on the box's sides, positive.
        image_size: (H, W) of the image.
        square: Give the box the length of its longer side in both directions first.
        clip: Cut the window to the image. Otherwise it may leave the image.

    Returns:
        int64 (4,): the window, xyxy in pixels with exclusive ends.

    Raises:
        ValueError: When the box has no extent, does not touch the image although the window is
            clipped, or ``enlarge`` is not positive.

    Source: C2F-Seg, ICCV 2023, implementation details (crop rule and rounding).
    """
    x0, y0, x1, y1 = np.asarray(box).tolist()
    if not (x1 > x0 and y1 > y0):
        raise ValueError(
            f'crop_window expects a box xyxy with positive width and height, got {list(box)}; '
            f'an empty mask has no box'
        )
    if not enlarge > 0:
        raise ValueError(f'crop_window expects enlarge > 0, got {enlarge}')
    height, width = image_size
    longer = max(x1 - x0, y1 - y0)
    window = []
    for start, end, limit in ((x0, x1, width), (y0, y1, height)):
        centre = int((start + end) // 2)
        half = int((longer if square else end - start) * enlarge) // 2
        low, high = centre - half, centre + half + 1
        if clip:
            low, high = max(0, low), min(limit, high)
            if high <= low:
                raise ValueError(
                    f'box {list(box)} lies outside its image of size (H, W) = {(height, width)}'
                )
        window.append((low, high))
    (left, right), (top, bottom) = window
    return np.array([left, top, right, bottom], dtype=np.int64)


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


def object_windows(
    boxes: np.ndarray,
    enlarge: float,
    image_size: tuple[int, int],
    square: bool = False,
    clip: bool = True,
    track_scale: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Give what is cut out of each frame, and the window whose upper left part it fills.

    They differ for ``track_scale='corner'`` alone. Arguments and errors are those of
    :func:`track_windows`.

    Returns:
        Two int64 (T, 4): the parts and the windows.
    """
    windows = track_windows(boxes, enlarge, image_size, square, clip, track_scale)
    if track_scale != 'corner':
        return windows, windows
    return track_windows(boxes, enlarge, image_size, square), windows


def _interpolate(windows: np.ndarray, seen: np.ndarray, num_frames: int) -> np.ndarray:
    """Spread the windows of the frames ``seen`` over all frames: int64 (T, 4)."""
    frames = np.arange(num_frames)
    ends = [np.interp(frames, seen, windows[:, side]) for side in range(4)]
    # Halves go up at both ends, so that windows of one size keep it.
    return np.floor(np.stack(ends, axis=1) + 0.5).astype(np.int64)
