"""Several methods side by side on the same objects: the layout of the paper's figures.

An object of a picture is a row: picture, visible mask, truth, then a panel for each method. An
object of a clip is a strip: the same from top to bottom, time running to the right. Under each
panel stands its IoU with the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from c2fseg.evaluation.functional import mask_iou
from c2fseg.visualization.clip_panels import clip_windows
from c2fseg.visualization.drawing import DEFAULT_STYLE, DrawStyle, check_mask, draw_object
from c2fseg.visualization.layout import (
    BACKGROUND,
    CAPTION_HEIGHT,
    captioned,
    fit_size,
    framed,
    join,
    resize,
    resize_mask,
    write_text,
)
from c2fseg.visualization.panels import PanelObject, draw_legend, focus_window

Window = tuple[int, int, int, int]


@dataclass
class ComparedFrame:
    """One object in one picture, all masks (H, W) at its size.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        visible: Its visible part.
        truth: The whole of it.
        methods: What each method found, by name, in the order of the panels; ``None`` where a
            method has nothing in this frame.
        title: What stands above it.
    """

    image: np.ndarray
    visible: np.ndarray
    truth: np.ndarray
    methods: dict[str, np.ndarray | None]
    title: str = ''


@dataclass
class ComparedClip:
    """One object in the frames of its clip that are shown.

    Attributes:
        frames: In the order of time, all with the same methods.
        title: What stands above the strip.
    """

    frames: list[ComparedFrame] = field(default_factory=list)
    title: str = ''


def iou_text(predicted: np.ndarray, visible: np.ndarray, truth: np.ndarray) -> str:
    """What is written under a panel.

    Args:
        predicted: (H, W) bool.
        visible: (H, W) bool, the true visible part.
        truth: (H, W) bool, the true whole.

    Returns:
        Full and occluded IoU; a dash for the latter where nothing is hidden.
    """
    hidden = truth & ~visible
    occluded = f'{mask_iou(predicted & ~visible, hidden):.2f}' if hidden.any() else '-'
    return f'full {mask_iou(predicted, truth):.2f}  occ {occluded}'


def comparison_tiles(
    item: ComparedFrame, window: Window, style: DrawStyle = DEFAULT_STYLE
) -> list[np.ndarray]:
    """Draw one object: picture, visible mask, truth, a panel for each method.

    Args:
        item: The object.
        window: The part of the picture to show, xyxy.
        style: Colours, opacity and size of a tile.

    Returns:
        RGB pictures, (tile + 2 captions, tile, 3) each; nothing is drawn where a method has
        nothing.

    Raises:
        ValueError: A mask and the picture differ in size.
    """
    visible, truth = (
        check_mask(mask, item.image, name)
        for name, mask in (('visible', item.visible), ('true', item.truth))
    )
    x1, y1, x2, y2 = window
    size = fit_size(item.image[y1:y2, x1:x2], style.tile)
    crop = resize(item.image[y1:y2, x1:x2], size)

    def small(mask: np.ndarray) -> np.ndarray:
        return resize_mask(mask[y1:y2, x1:x2], size)

    seen, whole = small(visible), small(truth)
    shares = 1 - np.count_nonzero(visible & truth) / max(1, int(np.count_nonzero(truth)))
    hidden = f'{100 * shares:.0f}% hidden' if truth.any() else 'out of view'
    tiles = [
        _tile(crop, item.title or 'image', '', style.tile),
        _tile(
            draw_object(crop, seen, style=style),
            'visible',
            iou_text(visible, visible, truth),
            style.tile,
        ),
        _tile(
            draw_object(crop, seen, whole, whole, style, outline=False),
            'truth',
            hidden,
            style.tile,
        ),
    ]
    for name, mask in item.methods.items():
        if mask is None:
            tiles.append(_tile(crop, name, 'no prediction', style.tile))
            continue
        mask = check_mask(mask, item.image, name)
        shown = draw_object(crop, seen, small(mask), whole, style)
        tiles.append(_tile(shown, name, iou_text(mask, visible, truth), style.tile))
    return tiles


def _tile(image: np.ndarray, above: str, below: str, tile: int) -> np.ndarray:
    """A captioned tile with a second line of text below it."""
    foot = np.full((CAPTION_HEIGHT, tile, 3), BACKGROUND, np.uint8)
    write_text(foot, below, (2, CAPTION_HEIGHT - 7), tile - 4)
    return np.concatenate([captioned(image, above, tile), foot])


def _panel_object(item: ComparedFrame) -> PanelObject:
    """The object for the choice of its window: the truth sets it, no prediction can widen it."""
    return PanelObject(item.visible, truth=item.truth)


def draw_comparison(items: Sequence[ComparedFrame], style: DrawStyle = DEFAULT_STYLE) -> np.ndarray:
    """Draw objects of pictures, a row each, with a legend below.

    Args:
        items: The objects.
        style: Colours, opacity and size of a tile.

    Returns:
        RGB picture.

    Raises:
        ValueError: There is no object, or a mask and its picture differ in size.
    """
    if not items:
        raise ValueError('There is no object to draw: give at least one')
    rows = [
        join(
            comparison_tiles(item, focus_window(item.image, _panel_object(item)), style),
            axis=1,
        )
        for item in items
    ]
    body = join(rows, axis=0)
    return framed(join([body, draw_legend(body.shape[1], True, style)], axis=0))


def draw_clip_comparison(
    clips: Sequence[ComparedClip], style: DrawStyle = DEFAULT_STYLE
) -> np.ndarray:
    """Draw objects of clips, a strip each: methods from top to bottom, frames from left to right.

    Args:
        clips: The objects.
        style: Colours, opacity and size of a tile.

    Returns:
        RGB picture.

    Raises:
        ValueError: There is no clip, one without frames, or a mask and its frame differ in size.
    """
    if not clips or not all(clip.frames for clip in clips):
        raise ValueError('There is no frame to draw: give at least one clip, each with frames')
    parts = []
    for clip in clips:
        images = [frame.image for frame in clip.frames]
        windows = clip_windows(images, [_panel_object(frame) for frame in clip.frames])
        columns = [
            join(comparison_tiles(frame, window, style), axis=0)
            for frame, window in zip(clip.frames, windows)
        ]
        strip = join(columns, axis=1)
        bar = np.full((CAPTION_HEIGHT, strip.shape[1], 3), BACKGROUND, np.uint8)
        write_text(bar, clip.title, (2, CAPTION_HEIGHT - 7), strip.shape[1] - 4)
        parts += [bar, strip]
    body = join(parts, axis=0)
    return framed(join([body, draw_legend(body.shape[1], True, style)], axis=0))
