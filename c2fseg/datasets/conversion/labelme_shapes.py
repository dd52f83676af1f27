"""One shape of a labelme file: its label read, its pixels as a mask.

The label says whose mask it is and which, ``NAME/visible`` or ``NAME/amodal``; ``group_id`` joins
the shapes of one object.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from c2fseg.structures import to_rle

SEPARATOR = '/'
KINDS = ('visible', 'amodal')
SHAPE_TYPES = ('polygon', 'rectangle', 'circle', 'mask')
# labelme keeps points inside the picture; other tools are a little off at its border.
BORDER_TOLERANCE = 1.0
CIRCLE_CORNERS = 180


class LabelmeShape(NamedTuple):
    """A shape that was understood.

    Attributes:
        place: Its position in ``shapes``, from 0.
        name: Name of the category.
        kind: 'visible' or 'amodal'.
        group: What joins it to the other shapes of its object, None for nothing.
        mask: Its pixels as compressed RLE.
    """

    place: int
    name: str
    kind: str
    group: int | str | None
    mask: dict[str, Any]


def read_shape(shape: Any, place: int, height: int, width: int) -> LabelmeShape:
    """Read one entry of ``shapes``.

    Args:
        shape: The entry.
        place: Its position, from 0.
        height: H of the picture.
        width: W of the picture.

    Returns:
        The shape.

    Raises:
        ValueError: When something is wrong with it; the message says what.
    """
    if not isinstance(shape, Mapping):
        raise ValueError(f'a shape is a dict, got {type(shape).__name__}')
    for key in ('label', 'points'):
        if key not in shape:
            raise ValueError(f'key {key!r} is missing, found {sorted(shape)}')
    name, kind = split_label(shape['label'])
    group = shape.get('group_id')
    if isinstance(group, bool) or not isinstance(group, int | str | None):
        raise ValueError(f'group_id is a whole number or null, got {group!r}')
    mask = shape_mask(shape, height, width)
    if coco_mask.area(mask) == 0:
        raise ValueError('it covers no pixel')
    return LabelmeShape(place, name, kind, group, mask)


def split_label(label: Any) -> tuple[str, str]:
    """Split 'mug/visible' into category and kind.

    Args:
        label: Label of a shape.

    Returns:
        Name of the category, and 'visible' or 'amodal'.

    Raises:
        ValueError: When the label has no such ending, or no name before it.
    """
    name, _, kind = str(label).rpartition(SEPARATOR)
    name, kind = name.strip(), kind.strip().lower()
    if kind not in KINDS or not name:
        raise ValueError(
            f'label {label!r} ends in neither {SEPARATOR}visible nor {SEPARATOR}amodal with a name '
            f'before it: call it NAME{SEPARATOR}visible or NAME{SEPARATOR}amodal'
        )
    return name, kind


def shape_mask(shape: Mapping[str, Any], height: int, width: int) -> dict[str, Any]:
    """Turn a polygon, rectangle, circle or mask into RLE.

    Args:
        shape: With ``points``, ``shape_type`` (a polygon when absent) and, for a mask, ``mask``.
        height: H of the picture.
        width: W of the picture.

    Returns:
        Compressed RLE.

    Raises:
        ValueError: When it is of another type, has too few points or lies outside the picture.
    """
    kind = shape.get('shape_type') or 'polygon'
    if kind not in SHAPE_TYPES:
        raise ValueError(f'a shape of type {kind!r} has no area: use {", ".join(SHAPE_TYPES)}')
    points = _points(shape['points'])
    if kind == 'mask':
        return _pasted_mask(shape.get('mask'), points, height, width)
    if kind == 'polygon' and len(points) < 3:
        raise ValueError(f'a polygon has 3 points or more, got {len(points)}')
    if kind == 'rectangle':
        points = _rectangle_corners(points)
    elif kind == 'circle':
        points = _circle_corners(points)
    _check_inside(points, height, width)
    inside = np.clip(points, 0.0, [width, height])
    return to_rle([inside.ravel().tolist()], height, width)


def _points(points: Any) -> np.ndarray:
    """Check points [[x, y], ...] and give them as float64 (n, 2)."""
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise ValueError(f'points are [[x, y], ...] in numbers, got {str(points)[:60]}')
    return array


def _rectangle_corners(points: np.ndarray) -> np.ndarray:
    """Two opposite corners, or all four: the four corners."""
    if len(points) == 4:
        return points
    if len(points) != 2:
        raise ValueError(f'a rectangle has 2 opposite corners (or all 4), got {len(points)} points')
    (x0, y0), (x1, y1) = points
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _circle_corners(points: np.ndarray) -> np.ndarray:
    """Centre and a point on the circle: corners of a polygon that is as good as round."""
    if len(points) != 2:
        raise ValueError(f'a circle has 2 points, centre and border, got {len(points)}')
    radius = math.dist(*points)
    turn = np.linspace(0.0, 2.0 * np.pi, CIRCLE_CORNERS, endpoint=False)
    return points[0] + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _check_inside(points: np.ndarray, height: int, width: int) -> None:
    beyond = np.maximum(-points, points - [width, height]).max()
    if beyond > BORDER_TOLERANCE:
        worst = points[np.maximum(-points, points - [width, height]).max(axis=1).argmax()]
        raise ValueError(
            f'point {worst.round(1).tolist()} lies {beyond:.1f} px outside the picture of '
            f'{width} x {height} px'
        )


def _pasted_mask(coded: Any, points: np.ndarray, height: int, width: int) -> dict[str, Any]:
    """A mask of labelme: a PNG in base64, and the corners of the place where it lies."""
    try:
        content = base64.b64decode(coded, validate=True)
        with Image.open(io.BytesIO(content)) as image:
            part = np.array(image.convert('L')) > 0
    except (TypeError, binascii.Error, OSError, ValueError) as error:
        raise ValueError(f'its mask is no PNG in base64: {error}') from error
    if len(points) != 2:
        raise ValueError(f'a mask has 2 points, its opposite corners, got {len(points)}')
    left, top = points.min(axis=0).astype(int).tolist()
    rows, columns = part.shape
    if left < 0 or top < 0 or left + columns > width or top + rows > height:
        raise ValueError(
            f'a mask of {columns} x {rows} px at ({left}, {top}) leaves the picture of '
            f'{width} x {height} px'
        )
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[top : top + rows, left : left + columns] = part
    return to_rle(mask, height, width)
