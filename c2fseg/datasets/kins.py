"""KINS, and whatever else is written in its two JSON flavours (the built-in shapes, for one).

Flavours are told apart by keys, never by file names: ``a_segm`` / ``i_segm`` are KINS 2020,
``segmentation`` / ``inmodal_seg`` are KINS v1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from c2fseg.registry import DATASETS

from .base_amodal_dataset import BaseAmodalDataset


class Flavour(NamedTuple):
    """The keys of one kind of KINS file.

    Attributes:
        name: What users call it.
        amodal: Key of the amodal mask.
        visible: Key of the visible mask.
        boxes: Keys of boxes [x, y, w, h]; they are checked where present and not used.
    """

    name: str
    amodal: str
    visible: str
    boxes: tuple[str, str]


KINS_V1 = Flavour('KINS v1', 'segmentation', 'inmodal_seg', ('bbox', 'inmodal_bbox'))
KINS_2020 = Flavour('KINS 2020', 'a_segm', 'i_segm', ('a_bbox', 'i_bbox'))
# What a file looks like that is neither, by the keys that give it away.
OTHER_LOOKS = (
    ('regions', 'COCOA (original)'),
    ('visible_mask', 'COCOA-cls, D2SA or custom COCO JSON'),
    ('invisible_mask', 'COCOA-cls, D2SA or custom COCO JSON'),
    ('segmentation', 'plain COCO or KINS v1 without visible masks'),
)


@DATASETS.register_module()
class KINSDataset(BaseAmodalDataset):
    """KINS v1 and KINS 2020 annotation files.

    Boxes are recomputed from the masks. Objects with ``iscrowd = 1`` are dropped and counted. For
    the arguments see :class:`BaseAmodalDataset`.

    Source: Qi et al., Amodal Instance Segmentation with KINS Dataset, CVPR 2019.
    """

    def load_data_list(self) -> list[dict]:
        """Read the annotation file.

        Returns:
            One record per object that the rules keep, in the order of the file.

        Raises:
            KeyError, TypeError, ValueError: When the file is wrong; the message names file,
                annotation and value.
        """
        content = self._read_json()
        images = self._index(content['images'], 'image', ('id', 'file_name', 'width', 'height'))
        categories = self._index(content['categories'], 'category', ('id', 'name'))
        self._metainfo['classes'] = tuple(c['name'] for c in categories.values())
        self._metainfo['category_ids'] = tuple(categories)
        annotations = content['annotations']
        flavour = self._find_flavour(annotations)
        self._metainfo['flavour'] = flavour.name
        self._metainfo['ann_file'] = self.ann_file  # so that a table of results can name its split
        seen: set[Any] = set()
        records = []
        for annotation in annotations:
            self._check(annotation, flavour, images, categories, seen)
            if annotation.get('iscrowd', 0):
                self.note('iscrowd, dropped', f'annotation {annotation["id"]}')
                continue
            image = images[annotation['image_id']]
            record = self.make_record(
                file_names=[image['file_name']],
                height=image['height'],
                width=image['width'],
                visible=[annotation[flavour.visible]],
                amodal=[annotation[flavour.amodal]],
                image_id=annotation['image_id'],
                annotation_id=annotation['id'],
                category_id=annotation['category_id'],
                category=categories[annotation['category_id']]['name'],
            )
            if record is not None:
                records.append(record)
        return records

    def _read_json(self) -> dict[str, list]:
        with open(self.ann_file, encoding='utf-8') as file:
            try:
                content = json.load(file)
            except ValueError as error:
                raise ValueError(f'{self.ann_file} is not JSON: {error}') from error
        if not isinstance(content, dict):
            raise TypeError(f'{self.ann_file}: expected a dict, got {type(content).__name__}')
        for key in ('images', 'annotations', 'categories'):
            if key not in content:
                raise KeyError(f'{self.ann_file}: key {key!r} is missing, found {sorted(content)}')
            if not isinstance(content[key], list):
                raise TypeError(
                    f'{self.ann_file}: {key!r} is a list, got {type(content[key]).__name__}'
                )
        return content

    def _index(self, entries: list, kind: str, keys: tuple[str, ...]) -> dict[Any, dict]:
        """Index images or categories by id, their keys checked."""
        indexed: dict[Any, dict] = {}
        for entry in entries:
            what = f'{kind} {_id_of(entry)}'
            self._require(entry, what, keys)
            number = entry['id']
            if not isinstance(number, int | str):
                raise TypeError(f'{what} of {self.ann_file}: an id is a number, got {number!r}')
            if number in indexed:
                raise ValueError(f'{what} of {self.ann_file}: this id is used twice')
            for key in ('width', 'height'):
                if key in keys and (not isinstance(entry[key], int) or entry[key] < 1):
                    raise ValueError(
                        f'{what} of {self.ann_file}: {key} is a whole number of pixels, 1 or more, '
                        f'got {entry[key]!r}'
                    )
            indexed[number] = entry
        return indexed

    def _require(self, entry: Any, what: str, keys: tuple[str, ...], look: str = '') -> None:
        if not isinstance(entry, Mapping):
            raise TypeError(f'{self.ann_file}: {what} is a dict, got {type(entry).__name__}')
        for key in keys:
            if key not in entry:
                raise KeyError(
                    f'{what} of {self.ann_file}: key {key!r} is missing, found {sorted(entry)}'
                    f'{look}'
                )

    def _find_flavour(self, annotations: list) -> Flavour:
        """Tell the flavour from the keys of all annotations."""
        first: dict[str, Any] = {}
        for annotation in annotations:
            self._require(annotation, f'annotation {_id_of(annotation)}', ())
            for key in annotation:
                first.setdefault(key, _id_of(annotation))
        new = next((key for key in ('a_segm', 'i_segm') if key in first), None)
        old = 'inmodal_seg' if 'inmodal_seg' in first else None
        if new and old:
            raise ValueError(
                f'{self.ann_file} mixes two flavours: {new!r} (KINS 2020) in annotation '
                f'{first[new]}, {old!r} (KINS v1) in annotation {first[old]}'
            )
        if new or not first:
            return KINS_2020
        return KINS_V1

    def _check(
        self,
        annotation: dict,
        flavour: Flavour,
        images: dict[Any, dict],
        categories: dict[Any, dict],
        seen: set[Any],
    ) -> None:
        """Check one annotation against the file."""
        what = f'annotation {_id_of(annotation)}'
        looks = [name for key, name in OTHER_LOOKS if key in annotation]
        look = f'; read as {flavour.name}'
        if flavour.amodal not in annotation or flavour.visible not in annotation:
            look += f', it looks like {looks[0]}' if looks else ''
        keys = ('id', 'image_id', 'category_id', flavour.amodal, flavour.visible)
        self._require(annotation, what, keys, look)
        where = f'{what} of {self.ann_file}'
        for key in ('id', 'image_id', 'category_id'):
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
        for key in flavour.boxes:
            box = annotation.get(key)
            if box is None:
                continue
            numbers = isinstance(box, list) and all(isinstance(side, int | float) for side in box)
            if not numbers or len(box) != 4 or min(box[2:]) < 0:
                raise ValueError(
                    f'{where}: {key} is [x, y, width, height] with sides of 0 or more, got {box}'
                )


def _id_of(entry: Any) -> Any:
    return entry.get('id', '(without id)') if isinstance(entry, Mapping) else '(not a dict)'
