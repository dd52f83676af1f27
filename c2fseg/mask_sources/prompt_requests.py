"""What a user said of one object, checked: a box, clicks, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from c2fseg.mask_sources.base_mask_source import Picture


@dataclass
class PromptRequest:
    """An object that is asked for.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        box: float64 (4,) xyxy px, cut to the picture; None where there is none.
        points: float64 (P, 3): x, y, and 1 on the object or 0 beside it; P may be 0 with a box.
    """

    image: np.ndarray
    box: np.ndarray | None = None
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def clicks_on(self) -> np.ndarray:
        """int64 (P, 2): columns and rows of the pixels that were clicked on the object."""
        return np.floor(self.points[self.points[:, 2] == 1, :2]).astype(np.int64)

    @property
    def clicks_beside(self) -> np.ndarray:
        """int64 (P, 2): columns and rows of the pixels that were clicked beside the object."""
        return np.floor(self.points[self.points[:, 2] == 0, :2]).astype(np.int64)


def read_requests(picture: Picture, needed: Sequence[str]) -> list[PromptRequest]:
    """Check the prompts of a picture.

    Args:
        picture: The picture.
        needed: ``'boxes'``, ``'points'`` or both: the picture must have one of them.

    Returns:
        One request an object, in their order.

    Raises:
        ValueError: A prompt is missing, malformed, or beside the picture; the message names
            picture and object.
    """
    image = np.asarray(picture.image)
    name = picture.name or 'the picture'
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f'{name}: expected an RGB array (H, W, 3) uint8, got {image.dtype} {image.shape}'
        )
    if all(getattr(picture, kind) is None for kind in needed):
        raise ValueError(f'{name} has no {" and no ".join(needed)}: give one entry an object')
    boxes, points = picture.boxes, picture.points
    if boxes is not None and points is not None and len(boxes) != len(points):
        raise ValueError(
            f'{name}: {len(boxes)} boxes and clicks of {len(points)} objects: entry i of both is '
            'the same object'
        )
    requests = []
    for number in range(len(boxes if boxes is not None else points or [])):
        where = f'Object {number} of {name}'
        request = PromptRequest(image)
        if boxes is not None:
            request.box = _read_box(boxes[number], request.size, where)
        if points is not None:
            request.points = _read_points(points[number], request, where)
        requests.append(request)
    return requests


def _read_box(given: np.ndarray, size: tuple[int, int], where: str) -> np.ndarray:
    box = np.asarray(given, dtype=np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f'{where}: a box is four finite numbers xyxy, got {box.tolist()}')
    x0, y0, x1, y1 = box
    if not (x1 > x0 and y1 > y0):
        raise ValueError(
            f'{where}: the box {box.tolist()} is empty, expected x1 < x2 and y1 < y2 in pixels'
        )
    height, width = size
    inside = np.clip(box, 0, [width, height, width, height])
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise ValueError(
            f'{where}: the box {box.tolist()} lies outside the picture of {width} x {height} px'
        )
    return inside


def _read_points(given: np.ndarray, request: PromptRequest, where: str) -> np.ndarray:
    points = np.asarray(given, dtype=np.float64)
    points = points.reshape(0, 3) if points.size == 0 else points
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError(
            f'{where}: clicks are rows of three finite numbers x, y, label, got {points.tolist()}'
        )
    height, width = request.size
    for x, y, label in points.tolist():
        if label not in (0, 1):
            raise ValueError(
                f'{where}: the label of a click is 1 on the object or 0 beside it, got {label:g}'
            )
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(
                f'{where}: the click ({x:g}, {y:g}) lies outside the picture of '
                f'{width} x {height} px'
            )
    if request.box is None and not (points[:, 2] == 1).any():
        raise ValueError(f'{where}: no click lies on it; give one with label 1, or a box')
    return points
