"""The ground truth that predictions are scored against: any annotation file our data sets read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import c2fseg.datasets  # noqa: F401 - registers the data sets
from c2fseg.datasets.base_amodal_dataset import BaseAmodalDataset
from c2fseg.datasets.flavours import dataset_type_of
from c2fseg.datasets.transforms import LoadAmodalMasks
from c2fseg.evaluation.functional.coco_objects import Rle, TruthObject, stated_share
from c2fseg.registry import DATASETS
from c2fseg.structures import to_rle
from c2fseg.utils.slow_progress import track_if_slow

TRACK_FILES = ('.pkl', '.pickle')  # Fishbowl
LIST_FILES = ('.txt',)  # MOViD-A
TRACKS_BEGIN = re.compile(r'\s*\{\s*"[^"]*_\d+"\s*:\s*\{')


class ObjectInfo(NamedTuple):
    """What is known of a true object without its masks.

    Attributes:
        position: Its place among the objects.
        image_id: Id of its image; of its video for clips.
        annotation_id: Its id.
        category_id: Id of its category.
        category: Name of its category.
    """

    position: int
    image_id: Any
    annotation_id: Any
    category_id: Any
    category: str


class Truth:
    """The objects of an annotation file, in its order.

    Objects that the data set drops (crowds, an empty V or A) are none; its log counts them.

    Args:
        dataset: A data set of images or of clips, without a pipeline.
        clips: Whether it is one of clips.

    Raises:
        ValueError: No object is left.
    """

    def __init__(self, dataset: BaseAmodalDataset, clips: bool) -> None:
        self.dataset = dataset
        self.clips = clips
        self.ann_file = dataset.ann_file
        self.objects: list[ObjectInfo] = []
        self.image_sizes: dict[Any, tuple[int, int]] = dict(dataset.image_sizes)
        self._load = LoadAmodalMasks()
        dataset.full_init()
        self.image_sizes |= dataset.image_sizes
        number = len(dataset)
        for position in track_if_slow(range(number), number, 'listing objects'):
            record = dataset.get_data_info(position)
            keys = ('image_id', 'annotation_id', 'category_id', 'category')
            self.objects.append(ObjectInfo(position, *(record[key] for key in keys)))
            self.image_sizes.setdefault(record['image_id'], (record['height'], record['width']))

    def record(self, position: int) -> dict[str, Any]:
        """Returns the record of an object as its data set has it."""
        return self.dataset.get_data_info(position)

    def coded_masks(self, position: int) -> tuple[Rle, Rle]:
        """Returns A and V of an object in an image."""
        record = self.record(position)
        return record['amodal_segmentations'][0], record['visible_segmentations'][0]

    def clip_masks(self, position: int) -> tuple[dict[str, Any], dict[str, NDArray[np.bool_]]]:
        """Returns the record of an object in a clip, with its masks.

        Returns:
            tuple: The record, and ``amodal``, ``visible`` and, where it is known which pixels show
            other objects, ``others``, each ``(T, H, W)`` bool.
        """
        record = self._load.transform(self.record(position))
        masks = {key: record[f'gt_{key}_mask'].view(np.bool_) for key in ('amodal', 'visible')}
        if 'evaluable_mask' in record:
            masks['others'] = record['evaluable_mask'] == 0
        return record, masks

    def detection_truth(self) -> list[TruthObject]:
        """Returns the objects as detection scores need them, crowd regions among them.

        Raises:
            ValueError: The ground truth is of clips.
        """
        if self.clips:
            raise ValueError(
                f'{self.ann_file} is of clips; average precision and recall are for images.'
            )
        content = self.dataset.read_content()
        annotations = {entry['id']: entry for entry in content['annotations']}
        stuff = {c['id'] for c in content['categories'] if c['name'] == 'stuff'}
        found = []
        for item in track_if_slow(self.objects, len(self.objects), 'listing true objects'):
            amodal, visible = self.coded_masks(item.position)
            entry = annotations.pop(item.annotation_id)
            found.append(
                TruthObject(
                    item.image_id,
                    item.category_id,
                    amodal,
                    visible,
                    stated_share=stated_share(entry, visible),
                    stuff=_is_stuff(entry, stuff),
                )
            )
        crowds = (entry for entry in annotations.values() if entry.get('iscrowd'))
        return found + [self._crowd(entry) for entry in crowds]

    def _crowd(self, entry: Mapping[str, Any]) -> TruthObject:
        rle = to_rle(self.dataset.amodal_of(entry), *self.image_sizes[entry['image_id']])
        return TruthObject(entry['image_id'], entry['category_id'], rle, rle, crowd=True)


def _is_stuff(entry: Mapping[str, Any], stuff: set[Any]) -> bool:
    return bool(entry.get('isStuff', entry['category_id'] in stuff))


def open_truth(ann_file: str | os.PathLike, img_prefix: str | os.PathLike | None = None) -> Truth:
    """Opens an annotation file with the data set class that reads it.

    Args:
        ann_file: JSON of images (KINS v1 or 2020, COCOA original or with classes, D2SA, custom) or
            a folder of COCOA's single files; tracks as ``.pkl`` or their JSON form (Fishbowl); or
            a list ``.txt`` of the objects of clips (MOViD-A).
        img_prefix: Folder of the pictures; for a list of clips that of the videos, which holds
            their masks (by default the folder beside the list whose name the list begins with).

    Returns:
        Truth: Its objects.

    Raises:
        FileNotFoundError: The file, or the folder of the videos, is missing.
        KeyError, TypeError, ValueError: The file is wrong.
    """
    path = Path(ann_file)
    if not path.exists():
        raise FileNotFoundError(f'The ground truth {path} does not exist.')
    prefix = '' if img_prefix is None else str(img_prefix)
    clips = True
    if path.suffix in LIST_FILES:
        kind, prefix = 'MOViDADataset', prefix or _video_folder(path)
    elif path.suffix in TRACK_FILES or _holds_tracks(path):
        kind = 'FishbowlDataset'
    else:
        kind, clips = dataset_type_of(path), False
    config = dict(type=kind, ann_file=str(path), data_prefix=dict(img=prefix), test_mode=True)
    return Truth(DATASETS.build(config), clips)


def _holds_tracks(path: Path) -> bool:
    """Whether a JSON file begins as one of tracks, ``{'<video>_<object>': {frame: ...}}``."""
    if path.suffix != '.json' or not path.is_file():
        return False
    with path.open(encoding='utf-8', errors='replace') as file:
        return TRACKS_BEGIN.match(file.read(400)) is not None


def _video_folder(path: Path) -> str:
    folder = path.with_name(path.name.split('_')[0])
    if not folder.is_dir():
        raise FileNotFoundError(
            f'The masks of {path} lie in the folder of its videos, and {folder} does not exist: '
            'give it with --img-prefix.'
        )
    return str(folder)
