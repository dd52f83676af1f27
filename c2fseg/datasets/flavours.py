"""The kinds of annotation files, told apart by their keys, never by their names.

This is the one place that knows all of them: a loader asks here what it was given, and an error
says from here which data set class reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Flavour(NamedTuple):
    """One kind of annotation file.

    Attributes:
        name: What users call it.
        dataset: Name of the data set class that reads it.
        amodal: Key of the amodal mask.
        visible: Key of the visible mask.
        boxes: Keys of boxes [x, y, w, h].
        markers: Keys of an annotation, each of which tells this kind from all others.
        hints: Keys that suggest it where no annotation has a marker of any kind.
    """

    name: str
    dataset: str
    amodal: str
    visible: str
    boxes: tuple[str, ...]
    markers: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


KINS_2020 = Flavour(
    'KINS 2020',
    'KINSDataset',
    'a_segm',
    'i_segm',
    ('a_bbox', 'i_bbox'),
    markers=('a_segm', 'i_segm'),
    hints=('a_bbox', 'i_bbox'),
)
KINS_V1 = Flavour(
    'KINS v1',
    'KINSDataset',
    'segmentation',
    'inmodal_seg',
    ('bbox', 'inmodal_bbox'),
    markers=('inmodal_seg',),
    hints=('inmodal_bbox',),
)
# One annotation per picture, whose regions are the objects.
COCOA_ORIGINAL = Flavour(
    'COCOA (original)',
    'COCOADataset',
    'segmentation',
    'visible_mask',
    (),
    markers=('regions',),
)
# COCOA-cls, the detectron-style files, D2SA and custom files have the same keys.
COCO_VISIBLE = Flavour(
    'COCOA-cls, D2SA or custom COCO JSON',
    'CocoAmodalDataset',
    'segmentation',
    'visible_mask',
    ('bbox',),
    markers=('visible_mask', 'invisible_mask'),
)
PLAIN_COCO = Flavour(
    'plain COCO without visible masks',
    'CocoAmodalDataset',
    'segmentation',
    'visible_mask',
    ('bbox',),
)
UNLABELLED = Flavour(
    'COCO without annotations',
    'CocoAmodalDataset',
    'segmentation',
    'visible_mask',
    ('bbox',),
)

MARKED = (KINS_2020, KINS_V1, COCOA_ORIGINAL, COCO_VISIBLE)
# D2SA and COCOA-cls have the same keys; D2SA numbers its classes from 1 to 60 without a gap.
D2SA_CATEGORY_IDS = frozenset(range(1, 61))


def read_json(file: str | os.PathLike) -> Any:
    """Read a JSON file.

    Args:
        file: The file.

    Returns:
        What it holds.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it is not JSON.
    """
    with open(file, encoding='utf-8') as stream:
        try:
            return json.load(stream)
        except (ValueError, RecursionError) as error:
            raise ValueError(f'{file} is not JSON: {error}') from error


def id_of(entry: Any) -> Any:
    """Give the id of an annotation, image or category, for messages.

    Args:
        entry: Entry of a list of the file, whatever it is.

    Returns:
        Its id, or words in its place.
    """
    return entry.get('id', '(without id)') if isinstance(entry, Mapping) else '(not a dict)'


def detect_flavour(content: Any, file: str | os.PathLike) -> Flavour:
    """Tell what kind of annotation file this is, from the keys of all its annotations.

    Args:
        content: The content of the JSON file.
        file: Its name, for messages.

    Returns:
        One of the flavours of this module. ``PLAIN_COCO``: no annotation has a visible mask.
        ``UNLABELLED``: there is no annotation.

    Raises:
        KeyError: When neither annotations nor images nor regions are there.
        TypeError: When the file or an annotation is not a dict.
        ValueError: When keys of two flavours are mixed; names both and where they are.
    """
    if not isinstance(content, Mapping):
        raise TypeError(
            f'{file}: expected a dict, got {type(content).__name__}'
            + (' (a list of results is no annotation file)' if isinstance(content, list) else '')
        )
    if 'regions' in content:
        return COCOA_ORIGINAL
    if 'annotations' not in content and 'images' not in content:
        raise KeyError(f"{file}: key 'annotations' is missing, found {sorted(content)}")
    annotations = content.get('annotations', [])
    if not isinstance(annotations, list):
        raise TypeError(f"{file}: 'annotations' is a list, got {type(annotations).__name__}")
    first: dict[str, Any] = {}
    for annotation in annotations:
        if not isinstance(annotation, Mapping):
            raise TypeError(
                f'{file}: annotation {id_of(annotation)} is a dict, got {type(annotation).__name__}'
            )
        for key in annotation:
            first.setdefault(key, id_of(annotation))
    return _from_keys(first, file) if annotations else UNLABELLED


def _from_keys(first: dict[str, Any], file: str | os.PathLike) -> Flavour:
    """Tell the flavour from all keys that annotations have, each with the first that has it."""
    found = [
        (flavour, next(key for key in flavour.markers if key in first))
        for flavour in MARKED
        if any(key in first for key in flavour.markers)
    ]
    if len(found) > 1:
        (one, key), (other, other_key) = found[:2]
        raise ValueError(
            f'{file} mixes two flavours: {key!r} ({one.name}) in annotation {first[key]}, '
            f'{other_key!r} ({other.name}) in annotation {first[other_key]}'
        )
    if found:
        return found[0][0]
    hinted = (flavour for flavour in MARKED if any(key in first for key in flavour.hints))
    return next(hinted, PLAIN_COCO)


def describe_look(entry: Mapping[str, Any], read_as: Flavour | None = None) -> str:
    """Say what an annotation or a file looks like, for messages about keys that are missing.

    Args:
        entry: An annotation, or the file.
        read_as: The flavour that the message is about, which it cannot be.

    Returns:
        'KINS 2020, which KINSDataset reads', or an empty string when nothing gives it away.
    """
    for flavour in (*MARKED[2:], *MARKED[:2]):
        keys = (*flavour.markers, *flavour.hints)
        if flavour is not read_as and any(key in entry for key in keys):
            return f'{flavour.name}, which {flavour.dataset} reads'
    if 'segmentation' in entry:
        return 'plain COCO or KINS v1 without visible masks'
    return ''


def dataset_type_of(ann_file: str | os.PathLike) -> str:
    """Name the data set class for a JSON annotation file, or for a folder of single-annotation
    files.

    Args:
        ann_file: The file or folder.

    Returns:
        'KINSDataset', 'COCOADataset' (both flavours), 'D2SADataset' or 'CocoAmodalDataset'.

    Raises:
        FileNotFoundError: When there is no such file, or no JSON file in the folder.
        KeyError, TypeError, ValueError: As :func:`detect_flavour`, and when it is not JSON.
    """
    path = Path(ann_file)
    if path.is_dir():
        inside = sorted(path.glob('*.json'))
        if not inside:
            raise FileNotFoundError(f'folder {path} holds no JSON file')
        path = inside[0]
    if not path.is_file():
        raise FileNotFoundError(f'annotation file not found: {path}')
    content = read_json(path)
    flavour = detect_flavour(content, path)
    if flavour not in (COCO_VISIBLE, UNLABELLED):
        return flavour.dataset
    numbers = [id_of(category) for category in content.get('categories') or ()]
    if all(isinstance(n, int) for n in numbers) and set(numbers) == D2SA_CATEGORY_IDS:
        return 'D2SADataset'
    # Only the released files give the hidden part a mask of its own.
    hidden = any('invisible_mask' in one for one in content.get('annotations', ()))
    return 'COCOADataset' if hidden else flavour.dataset
