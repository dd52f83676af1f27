"""Panels of a clip: a column for each chosen frame, time running to the right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from c2fseg.visualization.drawing import DEFAULT_STYLE, DrawStyle
from c2fseg.visualization.layout import (
    BACKGROUND,
    CAPTION_HEIGHT,
    framed,
    join,
    write_text,
)
from c2fseg.visualization.panels import PanelObject, draw_legend, focus_window, object_tiles


def spread_frames(candidates: Sequence[int], count: int) -> list[int]:
    """Choose frames evenly, the first and the last among them.

    Args:
        candidates: Numbers of frames, ascending.
        count: How many to choose at most, at least 1.

    Returns:
        The chosen numbers, ascending; the first alone when ``count`` is 1.
    """
    places = np.linspace(0, len(candidates) - 1, min(len(candidates), count)).round().astype(int)
    return [int(candidates[place]) for place in places]


def clip_windows(
    frames: Sequence[np.ndarray], items: Sequence[PanelObject]
) -> list[tuple[int, int, int, int]]:
    """Windows around an object that moves, all at one scale.

    Args:
        frames: T pictures (H, W, 3).
        items: The object in each of them.

    Returns:
        T windows xyxy, each around the object and as wide as the widest; a frame in which the
        object has no pixel takes the window of the nearest that has some, the whole picture when
        there is none.
    """
    shown = [
        place
        for place, item in enumerate(items)
        if any(m is not None and np.any(m) for m in (item.visible, item.truth, item.amodal))
    ]
    if not shown:
        return [(0, 0, frame.shape[1], frame.shape[0]) for frame in frames]
    own = {place: focus_window(frames[place], items[place]) for place in shown}
    side = max(max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in own.values())
    windows = {place: focus_window(frames[place], items[place], side) for place in shown}
    nearest = [min(shown, key=lambda place: abs(place - t)) for t in range(len(frames))]
    return [windows[place] for place in nearest]


def draw_clip(
    frames: Sequence[np.ndarray],
    items: Sequence[PanelObject],
    title: str = '',
    style: DrawStyle = DEFAULT_STYLE,
) -> np.ndarray:
    """Draw an object of a clip: a column a frame, in it picture, visible, coarse, amodal, truth.

    Args:
        frames: T pictures (H, W, 3) uint8 RGB, those that are shown.
        items: The object in each of them; all have the same masks.
        title: Written above.
        style: Colours, opacity and size of a tile.

    Returns:
        RGB picture.

    Raises:
        ValueError: There is not one object for each frame, or a mask and its frame differ in size.
    """
    if len(frames) != len(items) or not len(items):
        raise ValueError(f'Got {len(frames)} frames for {len(items)} items: expected one for each')
    columns = [
        join(object_tiles(frame, item, window, style), axis=0)
        for frame, item, window in zip(frames, items, clip_windows(frames, items))
    ]
    body = join(columns, axis=1)
    parts = [body, draw_legend(body.shape[1], any(i.truth is not None for i in items), style)]
    if title:
        bar = np.full((CAPTION_HEIGHT, body.shape[1], 3), BACKGROUND, np.uint8)
        write_text(bar, title, (2, CAPTION_HEIGHT - 7), body.shape[1] - 4)
        parts.insert(0, bar)
    return framed(join(parts, axis=0))
