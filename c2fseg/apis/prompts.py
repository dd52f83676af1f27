"""Boxes and clicks that the user gave, brought into one form: a few numbers for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

BOX_FORMS = 'boxes of one picture as (M, 4) xyxy px, or a list with such an entry for each picture'
POINT_FORMS = (
    'for each object of a picture (x, y), (x, y, label) with label 1 on the object and 0 beside '
    'it, or a list of several of these; of several pictures a list with such an entry for each'
)


@dataclass
class PicturePrompts:
    """What the user said of the objects of one picture.

    Attributes:
        boxes: (M, 4) float64 xyxy px, None where boxes are not the user's way.
        points: M arrays (P, 3) float64: x, y in px, and 1 on the object or 0 beside it.
    """

    boxes: np.ndarray | None = None
    points: list[np.ndarray] | None = None


def read_prompts(
    boxes: Any, points: Any, names: Sequence[str], alone: bool
) -> list[PicturePrompts] | None:
    """Divide the prompts of a call by picture.

    Args:
        boxes: See ``BOX_FORMS``.
        points: See ``POINT_FORMS``.
        names: Names of the pictures.
        alone: The pictures are a single one given by itself, so that the prompts are those of its
            objects.

    Returns:
        An entry for each picture; None when neither is given.

    Raises:
        TypeError, ValueError: They are of another form, not one entry for each picture, or boxes
            and points are of different numbers of objects.
    """
    if boxes is None and points is None:
        return None
    prompts = [PicturePrompts() for _ in names]
    if boxes is not None:
        for one, given in zip(prompts, _by_picture(boxes, names, alone, 'boxes', BOX_FORMS)):
            one.boxes = read_boxes(given)
    if points is not None:
        for one, given in zip(prompts, _by_picture(points, names, alone, 'points', POINT_FORMS)):
            one.points = read_points(given, boxed=boxes is not None)
    for one, name in zip(prompts, names, strict=True):
        if one.boxes is not None and one.points is not None and len(one.boxes) != len(one.points):
            raise ValueError(
                f'{name} has {len(one.boxes)} boxes and the points of {len(one.points)} objects: '
                'given together, entry i of both is the same object'
            )
    return prompts


def read_boxes(given: Any) -> np.ndarray:
    """Bring the boxes of one picture into one form.

    Args:
        given: (M, 4) or (4,) numbers xyxy px, None for none.

    Returns:
        (M, 4) float64.

    Raises:
        TypeError, ValueError: They are of another form, not finite, or turned over.
    """
    array = _numbers([] if given is None else given, 'boxes', BOX_FORMS)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f'boxes: expected {BOX_FORMS}; got shape {array.shape}')
    for x1, y1, x2, y2 in array:
        if x2 <= x1 or y2 <= y1:
            raise ValueError(
                f'boxes: ({x1:g}, {y1:g}, {x2:g}, {y2:g}) is empty; expected x1 < x2 and y1 < y2 '
                '(corners, not width and height)'
            )
    return array


def read_points(given: Any, boxed: bool = False) -> list[np.ndarray]:
    """Bring the clicks of one picture into one form.

    Args:
        given: See ``POINT_FORMS``; (x, y) and (x, y, label) by themselves are a single object.
        boxed: The objects have boxes, so that none needs a point on it.

    Returns:
        For each object (P, 3) float64: x, y, label.

    Raises:
        TypeError, ValueError: They are of another form, not finite, of other labels than 0 and 1,
            or an object has no point on it.
    """
    if given is None:
        return []
    given = _plain(given)
    if not isinstance(given, (Sequence, np.ndarray)) or isinstance(given, str):
        raise TypeError(f'points: expected {POINT_FORMS}; got {type(given).__name__}')
    objects = [given] if len(given) and np.isscalar(given[0]) else list(given)
    return [_read_clicks(one, number, boxed) for number, one in enumerate(objects)]


def _read_clicks(given: Any, number: int, boxed: bool) -> np.ndarray:
    array = _numbers(given, f'points of object {number}', POINT_FORMS)
    if boxed and array.size == 0:
        return np.zeros((0, 3))
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] not in (2, 3) or not len(array):
        raise ValueError(
            f'points of object {number}: expected {POINT_FORMS}; got shape {array.shape}'
        )
    if array.shape[1] == 2:
        array = np.concatenate([array, np.ones((len(array), 1))], axis=1)
    if not np.isin(array[:, 2], (0, 1)).all():
        raise ValueError(
            f'points of object {number}: the third number is a label, 1 on the object or 0 beside '
            f'it; got {array[:, 2].tolist()}'
        )
    if not boxed and not array[:, 2].any():
        raise ValueError(f'points of object {number}: at least one has to lie on it (label 1)')
    return array


def _by_picture(given: Any, names: Sequence[str], alone: bool, what: str, forms: str) -> list[Any]:
    """One entry for each picture."""
    given = _plain(given)
    if alone:
        return [given]
    if not isinstance(given, (Sequence, np.ndarray)) or isinstance(given, str):
        raise TypeError(f'{what}: expected {forms}; got {type(given).__name__}')
    if len(given) != len(names):
        raise ValueError(
            f'{what} has {len(given)} entries for {len(names)} pictures: expected one entry, None '
            'where there is nothing, for each picture'
        )
    return list(given)


def _numbers(given: Any, what: str, forms: str) -> np.ndarray:
    try:
        array = np.asarray(_plain(given), np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f'{what}: expected {forms}; got {str(given)[:60]}') from error
    if not np.isfinite(array).all():
        raise ValueError(f'{what}: expected finite numbers, got {array.tolist()}')
    return array


def _plain(given: Any) -> Any:
    return given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else given
