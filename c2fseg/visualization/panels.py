"""Panels: tiles side by side with captions, one row an object, and a legend below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from c2fseg.evaluation.functional import mask_iou
from c2fseg.visualization.drawing import (
    CASING_COLOR,
    DEFAULT_STYLE,
    PALETTE,
    DrawStyle,
    blend,
    check_mask,
    draw_object,
    draw_outline,
    hatch,
    line_width,
)
from c2fseg.visualization.layout import (
    BACKGROUND,
    FONT,
    GAP,
    captioned,
    fit_size,
    framed,
    join,
    resize,
    resize_mask,
    wrap,
    write_text,
)


@dataclass
class PanelObject:
    """One object to draw, all masks (H, W) at the size of the picture.

    Attributes:
        visible: Its visible part.
        amodal: The predicted whole object, None when there is no prediction.
        coarse: The coarse prediction, None when there is none.
        truth: The true whole object, None when it is not known.
        title: Caption of its row, such as ``'2 car'``.
        label: What is written on it where all objects are drawn; its number from 1 by default.
        number: Place of its colour in the palette; its place among the objects by default. A clip
            gives each object the same in all frames.
    """

    visible: np.ndarray
    amodal: np.ndarray | None = None
    coarse: np.ndarray | None = None
    truth: np.ndarray | None = None
    title: str = ''
    label: str | None = None
    number: int | None = None


def object_window(
    masks: Sequence[np.ndarray],
    image_size: tuple[int, int],
    margin: float = 0.2,
    least_side: int = 0,
) -> tuple[int, int, int, int]:
    """A square window around masks, moved into the picture where it can be.

    Args:
        masks: (H, W) bool masks; their union counts.
        image_size: (H, W).
        margin: Room on each side as a share of the longer side.
        least_side: The window is at least so wide, px; for frames that are to have one scale.

    Returns:
        xyxy, end exclusive, inside the picture; the whole picture when all masks are empty.
    """
    height, width = image_size
    rows, columns = np.nonzero(np.logical_or.reduce(masks))
    if not rows.size:
        return 0, 0, width, height
    top, bottom = int(rows.min()), int(rows.max()) + 1
    left, right = int(columns.min()), int(columns.max()) + 1
    side = max(least_side, round(max(bottom - top, right - left) * (1 + 2 * margin)) + 8)

    def place(start: int, end: int, limit: int) -> tuple[int, int]:
        length = min(side, limit)
        first = min(max((start + end - length) // 2, 0), limit - length)
        return first, first + length

    (y1, y2), (x1, x2) = place(top, bottom, height), place(left, right, width)
    return x1, y1, x2, y2


def focus_window(
    image: np.ndarray, item: PanelObject, least_side: int = 0
) -> tuple[int, int, int, int]:
    """The part of a picture that shows an object: its visible part and the whole of it.

    Args:
        image: (H, W, 3) uint8 RGB.
        item: The object.
        least_side: See :func:`object_window`.

    Returns:
        xyxy, end exclusive.

    Raises:
        ValueError: A mask and the picture differ in size.
    """
    visible = check_mask(item.visible, image, 'visible')
    # A wild prediction does not shrink the object: the truth, where known, sets the window.
    whole = next((mask for mask in (item.truth, item.amodal) if mask is not None), item.visible)
    whole = check_mask(whole, image, 'truth' if item.truth is not None else 'amodal')
    return object_window([visible, whole], image.shape[:2], least_side=least_side)


def object_tiles(
    image: np.ndarray,
    item: PanelObject,
    window: tuple[int, int, int, int],
    style: DrawStyle = DEFAULT_STYLE,
) -> list[np.ndarray]:
    """Draw one object: picture, visible, coarse, amodal and truth, each a captioned tile.

    A tile is left out when its mask is None. With a truth, the captions hold the IoU with it.

    Args:
        image: (H, W, 3) uint8 RGB.
        item: The object.
        window: The part of the picture to show, xyxy.
        style: Colours, opacity and size of a tile.

    Returns:
        RGB pictures, (tile + caption, tile, 3) each.

    Raises:
        ValueError: A mask and the picture differ in size.
    """
    named = (('visible', item.visible), ('coarse', item.coarse), ('amodal', item.amodal))
    masks = {name: check_mask(mask, image, name) for name, mask in named if mask is not None}
    truth = None if item.truth is None else check_mask(item.truth, image, 'truth')
    tile = style.tile
    x1, y1, x2, y2 = window
    size = fit_size(image[y1:y2, x1:x2], tile)
    crop = resize(image[y1:y2, x1:x2], size)
    small = {name: resize_mask(mask[y1:y2, x1:x2], size) for name, mask in masks.items()}
    small_truth = None if truth is None else resize_mask(truth[y1:y2, x1:x2], size)
    tiles = [captioned(crop, item.title or 'image', tile)]
    for name, mask in masks.items():
        caption = name if truth is None else f'{name}  IoU {mask_iou(mask, truth):.2f}'
        whole = None if name == 'visible' else small[name]
        line = None if whole is None else small_truth
        drawn = draw_object(crop, small['visible'], whole, line, style)
        tiles.append(captioned(drawn, caption, tile))
    if small_truth is not None and truth is not None:
        seen = np.count_nonzero(masks['visible'] & truth)
        hidden = 1 - seen / max(1, int(np.count_nonzero(truth)))
        drawn = draw_object(crop, small['visible'], small_truth, small_truth, style, outline=False)
        caption = f'truth  {100 * hidden:.0f}% hidden' if truth.any() else 'truth  out of view'
        tiles.append(captioned(drawn, caption, tile))
    return tiles


def draw_object_row(
    image: np.ndarray, item: PanelObject, style: DrawStyle = DEFAULT_STYLE
) -> np.ndarray:
    """Draw one object: picture | visible | coarse | amodal | truth, cropped around it.

    Args:
        image: (H, W, 3) uint8 RGB.
        item: The object; see :func:`object_tiles`.
        style: Colours, opacity and size of a tile.

    Returns:
        RGB picture, (tile + caption, columns * tile + gaps, 3).

    Raises:
        ValueError: A mask and the picture differ in size.
    """
    return join(object_tiles(image, item, focus_window(image, item), style), axis=1)


def draw_objects(
    image: np.ndarray, items: Sequence[PanelObject], numbers: bool = True
) -> np.ndarray:
    """Draw all objects of a picture in one overlay, each in a colour of its own.

    Args:
        image: (H, W, 3) uint8 RGB.
        items: The objects, drawn in this order.
        numbers: Write the label of an object at its visible part.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: A mask and the picture differ in size.
    """
    places = [place if item.number is None else item.number for place, item in enumerate(items)]
    colors = [PALETTE[place % len(PALETTE)] for place in places]
    labels = [item.label or str(place + 1) for place, item in enumerate(items)]
    width = line_width(image.shape[:2])
    visibles = [check_mask(item.visible, image, 'visible') for item in items]
    wholes = [
        visible if item.amodal is None else check_mask(item.amodal, image, 'amodal')
        for item, visible in zip(items, visibles)
    ]
    out = image.copy()
    for visible, color in zip(visibles, colors):
        out = blend(out, visible, color, 0.45)
    # Stripes after all fills: a hidden part lies on the object that hides it.
    stripes = hatch(image.shape[:2], period=6 * width + 2, width=2 * width)
    for visible, whole, color in zip(visibles, wholes, colors):
        out = blend(out, whole & ~visible & stripes, color, 0.9)
    for whole, color in zip(wholes, colors):
        out = draw_outline(out, whole, color, width)
    if numbers:
        _write_labels(out, visibles, labels, 0.4 + 0.1 * width)
    return out


def deepest_point(mask: np.ndarray) -> tuple[int, int] | None:
    """The pixel (x, y) deepest inside a mask (H, W) bool, so that a number never lies beside it.

    None where the mask is empty.
    """
    if not mask.any():
        return None
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), mask.shape)
    return int(x), int(y)


def _write_labels(
    image: np.ndarray, visibles: Sequence[np.ndarray], labels: Sequence[str], scale: float
) -> None:
    """Write the label of each object at its visible part, into ``image``."""
    for text, visible in zip(labels, visibles, strict=True):
        point = deepest_point(visible)
        if point is None:
            continue
        (text_width, text_height), _ = cv2.getTextSize(text, FONT, scale, 1)
        origin = (point[0] - text_width // 2, point[1] + text_height // 2)
        cv2.putText(image, text, origin, FONT, scale, CASING_COLOR, 4, cv2.LINE_AA)
        cv2.putText(image, text, origin, FONT, scale, BACKGROUND, 1, cv2.LINE_AA)


def draw_legend(width: int, truth: bool = True, style: DrawStyle = DEFAULT_STYLE) -> np.ndarray:
    """Draw the strip that explains colours and lines.

    Args:
        width: Width of the strip, px; the entries wrap into as many lines as they need.
        truth: Include the outline of the truth.
        style: Colours and opacity.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    box_height, box_width, scale = 26, 46, 0.42
    canvas = np.full((box_height, box_width, 3), 205, np.uint8)
    full = np.ones((box_height, box_width), bool)
    shape = np.zeros_like(full)
    shape[5:-5, 5:-5] = True
    empty = np.zeros_like(full)
    bare = replace(style, alpha=0.0)
    entries = [
        ('visible', draw_object(canvas, full, style=style, outline=False)),
        ('hidden', draw_object(canvas, empty, full, style=style, outline=False)),
        ('outline, predicted', draw_outline(canvas, shape, style.hidden_color, 2)),
    ]
    if truth:
        dashed = draw_object(canvas, empty, truth=shape, style=bare, outline=False)
        entries.append(('outline, true', dashed))
    cells = []
    for name, swatch in entries:
        text_width = cv2.getTextSize(name, FONT, scale, 1)[0][0]
        cell = np.full((box_height, box_width + text_width + 24, 3), BACKGROUND, np.uint8)
        cell[:, :box_width] = swatch
        write_text(cell, name, (box_width + 6, 18), text_width + 12, scale)
        cells.append(cell)
    return wrap(cells, width)


def draw_picture(
    image: np.ndarray,
    items: Sequence[PanelObject],
    style: DrawStyle = DEFAULT_STYLE,
    overview: bool = True,
) -> np.ndarray:
    """Draw a picture with its objects: overview, one row an object, legend.

    Args:
        image: (H, W, 3) uint8 RGB, or (M, H, W, 3) with a picture for each of the M objects.
        items: The objects.
        style: Colours, opacity and size of a tile.
        overview: Put the picture and the overlay of all objects on top; for one picture only.

    Returns:
        RGB picture.

    Raises:
        ValueError: A mask and the picture differ in size, or an overview of several pictures.
    """
    if image.ndim == 4 and (overview or len(image) != len(items)):
        raise ValueError(
            f'Got {len(image)} pictures for {len(items)} objects: expected one picture, or one '
            'for each object and overview=False'
        )
    images = [image] * len(items) if image.ndim == 3 else list(image)
    rows = [draw_object_row(one, item, style) for one, item in zip(images, items)]
    width = max([row.shape[1] for row in rows], default=4 * style.tile)
    parts: list[np.ndarray] = []
    if overview:
        side = (width - GAP) // 2
        size = (side, max(1, round(image.shape[0] * side / image.shape[1])))
        large = resize(image, size)
        scaled = [
            PanelObject(
                resize_mask(item.visible, size),
                None if item.amodal is None else resize_mask(item.amodal, size),
            )
            for item in items
        ]
        parts.append(join([large, draw_objects(large, scaled)], axis=1))
    parts.extend(rows)
    parts.append(draw_legend(width, any(item.truth is not None for item in items), style))
    inner = join(parts, axis=0)
    return framed(inner)
