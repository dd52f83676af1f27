"""Checks of what all COCO-layout files have: images, categories and annotations with ids.

Messages name the file, the entry and the value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from c2fseg.structures.mask_coding import MAX_COORDINATE

from .flavours import Flavour, describe_look, id_of

IMAGE_KEYS = ('id', 'file_name', 'width', 'height')
CATEGORY_KEYS = ('id', 'name')
ANNOTATION_IDS = ('id', 'image_id', 'category_id')
TOP_KEYS = ('images', 'annotations', 'categories')


def check_lists(content: Any, file: str, keys: Sequence[str] = TOP_KEYS) -> None:
    """Check that a file holds the lists it needs.

    Args:
        content: The content of the file.
        file: Its name.
        keys: Keys of the lists.

    Raises:
        KeyError: When a list is missing.
        TypeError: When the file is not a dict or a list is not a list.
    """
    if not isinstance(content, dict):
        raise TypeError(f'{file}: expected a dict, got {type(content).__name__}')
    look = describe_look(content)
    for key in keys:
        if key not in content:
            raise KeyError(
                f'{file}: key {key!r} is missing, found {sorted(content)}'
                + (f'; it looks like {look}' if look else '')
            )
        if not isinstance(content[key], list):
            raise TypeError(f'{file}: {key!r} is a list, got {type(content[key]).__name__}')


def require(entry: Any, what: str, keys: Sequence[str], file: str, look: str = '') -> None:
    """Check that an entry is a dict with these keys.

    Args:
        entry: Image, category, annotation or region.
        what: What messages call it.
        keys: Keys that it needs.
        file: Name of the file.
        look: What the message about a missing key ends with.

    Raises:
        KeyError: When a key is missing.
        TypeError: When the entry is not a dict.
    """
    if not isinstance(entry, Mapping):
        raise TypeError(f'{file}: {what} is a dict, got {type(entry).__name__}')
    for key in keys:
        if key not in entry:
            raise KeyError(f'{what} of {file}: key {key!r} is missing, found {sorted(entry)}{look}')


def index_by_id(
    entries: Sequence[Any], kind: str, keys: Sequence[str], file: str
) -> dict[Any, dict[str, Any]]:
    """Index images or categories by id, after a check of their keys.

    Args:
        entries: The list of the file.
        kind: 'image' or 'category', for messages.
        keys: Keys that each needs.
        file: Name of the file.

    Returns:
        The entries by id, in the order of the file.

    Raises:
        KeyError, TypeError, ValueError: When a key is missing, an id is no number or used twice, or
            a size is no whole number of pixels.
    """
    indexed: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        what = f'{kind} {id_of(entry)}'
        require(entry, what, keys, file)
        number = entry['id']
        if not isinstance(number, int | str):
            raise TypeError(f'{what} of {file}: an id is a number, got {number!r}')
        if number in indexed:
            raise ValueError(f'{what} of {file}: this id is used twice')
        for key in ('width', 'height'):
            if key not in keys:
                continue
            if not isinstance(entry[key], int) or not 1 <= entry[key] < MAX_COORDINATE:
                raise ValueError(
                    f'{what} of {file}: {key} is a whole number of pixels, 1 or more and under '
                    f'{MAX_COORDINATE}, got {entry[key]!r}'
                )
        indexed[number] = entry
    return indexed


def check_ids(
    annotation: Mapping[str, Any],
    images: Mapping[Any, Any],
    categories: Mapping[Any, Any],
    seen: set[Any],
    file: str,
) -> None:
    """Check an annotation's own id and those that it refers to.

    Args:
        annotation: With the keys ``ANNOTATION_IDS``.
        images: Images by id.
        categories: Categories by id.
        seen: Ids of the annotations so far; this one's is added.
        file: Name of the file.

    Raises:
        TypeError: When an id is no number.
        ValueError: When it is used twice, or there is no such image or category.
    """
    where = f'annotation {annotation["id"]} of {file}'
    for key in ANNOTATION_IDS:
        if not isinstance(annotation[key], int | str):
            raise TypeError(f'{where}: {key} is a number, got {annotation[key]!r}')
    if annotation['id'] in seen:
        raise ValueError(f'{where}: this id is used twice')
    seen.add(annotation['id'])
    if annotation['image_id'] not in images:
        raise ValueError(f'{where}: no image has the image_id {annotation["image_id"]!r}')
    if annotation['category_id'] not in categories:
        raise ValueError(
            f'{where}: category_id {annotation["category_id"]!r} is not among {[*categories]}'
        )


def is_box(value: Any, finite: bool = True) -> bool:
    """Whether a value is [x, y, width, height] with sides of 0 or more.

    Args:
        value: What a file has there.
        finite: Whether NaN and infinity are no numbers, as where the box is used.
    """
    if not isinstance(value, list) or len(value) != 4:
        return False
    if not all(isinstance(side, int | float) for side in value) or min(value[2:]) < 0:
        return False
    return not finite or all(map(math.isfinite, value))


def check_boxes(annotation: Mapping[str, Any], flavour: Flavour, file: str) -> None:
    """Check that the boxes of an annotation are boxes, where it has any.

    Args:
        annotation: The annotation.
        flavour: Says which keys are boxes.
        file: Name of the file.

    Raises:
        ValueError: When one has another length, a negative side, or holds no numbers.
    """
    for key in flavour.boxes:
        box = annotation.get(key)
        if box is None:
            continue
        if not is_box(box, finite=False):  # nothing is computed from it
            raise ValueError(
                f'annotation {annotation["id"]} of {file}: {key} is [x, y, width, height] with '
                f'sides of 0 or more, got {box}'
            )
