"""Objects as C2F-Seg's released lists name them, with predicted visible masks, given ones, or both.

A list (``vq_*_list.txt``, ``c2f_seg_*_list.txt``, ``kins_intersection_list.txt``) says which
objects there are. A line with a predicted visible mask points into a pickle (``fusion_*.pkl``,
``kins_intersection.pkl``), which also holds the truth; a line with a given one points into the
annotation file of the data set.
"""

from __future__ import annotations

import os.path as osp
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.structures import to_rle
from c2fseg.utils.slow_progress import track_if_slow

from .base_amodal_dataset import BaseAmodalDataset
from .coco_file import (
    CATEGORY_KEYS,
    IMAGE_KEYS,
    TOP_KEYS,
    check_lists,
    index_by_id,
    is_box,
    require,
)
from .flavours import Flavour, describe_look, id_of, read_json
from .list_files import ListLine, RecordFile, read_list

UNKNOWN_CATEGORY = 'unknown'
COMMON_KEYS = ('id', 'image_id', 'category_id')


class Predicted(NamedTuple):
    """An object with a predicted visible mask.

    Attributes:
        key: Key of the picture in the pickle.
        position: Place among its records.
        image_id: Number of the picture.
        name: Name of the object, ``annotation_id`` of its record.
        file_name: The picture.
    """

    key: str
    position: int
    image_id: int
    name: str | int
    file_name: str


class Given(NamedTuple):
    """An object with a given visible mask.

    Attributes:
        annotation: Its annotation.
        file_name: The picture.
        visible, amodal: Coded masks.
        box: [x, y, w, h] that the published crop is laid around, or None.
    """

    annotation: dict[str, Any]
    file_name: str
    visible: Any
    amodal: Any
    box: Any


class PublishedListDataset(BaseAmodalDataset):
    """What the lists of both data sets have in common.

    Records have, beside the keys of :class:`BaseAmodalDataset`: ``window_boxes`` (1, 4) xyxy, what
    the published crop is laid around, for ``CropObject(box_from='record')``; ``channel_order``, for
    ``LoadFrames(channel_order='record')``; and, if any object of the list has a predicted visible
    mask, ``input_segmentations``: the masks that the model is given. Pictures must have the size of
    the masks, unless ``LoadFrames(size_mismatch='resize')`` fits them, as the published loader of
    the KINS test set does. A pickle does not name categories: those objects are 'unknown', without
    a ``category_id``. In ``test_mode`` an object that is listed twice counts once.

    Args:
        ann_file: The list.
        pickle_file: The pickle, or its JSON form, relative to ``data_root``; needed where the list
            has objects with predicted masks.
        annotation_file: The annotation file, relative to ``data_root``; needed where the list has
            objects with given masks.
        given_channel_order: 'rgb', or 'bgr' as the published loaders read the pictures of objects
            with given masks.
        pickle_encoding: How text that Python 2 wrote into the pickle is decoded.
        **kwargs: Arguments of :class:`BaseAmodalDataset`, without ``visible_mask_file``.

    Raises:
        FileNotFoundError: When a file is missing.
        IndexError: When a line names a position that its file does not have.
        KeyError: When a key of the pickle, of a record or of an annotation is missing.
        TypeError, ValueError: When a line or a mask is wrong, or a file is needed and not given.
            All messages name the list and the line.
    """

    ANNOTATIONS: str = ''
    FLAVOUR: Flavour
    BOX: str = ''
    NEEDED: tuple[str, ...] = ()

    def __init__(
        self,
        ann_file: str,
        pickle_file: str | None = None,
        annotation_file: str | None = None,
        given_channel_order: str = 'rgb',
        pickle_encoding: str = 'latin1',
        **kwargs: Any,
    ) -> None:
        if given_channel_order not in ('rgb', 'bgr'):
            raise ValueError(f"given_channel_order is 'rgb' or 'bgr', got {given_channel_order!r}")
        if kwargs.get('visible_mask_file') is not None:
            raise ValueError(
                'visible_mask_file: the lists say themselves which visible mask an object gets; '
                'use it with KINSDataset or COCOADataset'
            )
        self.pickle_file = pickle_file
        self.annotation_file = annotation_file
        self.given_channel_order = given_channel_order
        self.pickle_encoding = pickle_encoding
        super().__init__(ann_file=ann_file, **kwargs)

    # ---------------------------------------------------------------- what differs

    @abstractmethod
    def read_predicted(self, line: ListLine) -> Predicted | None:
        """Read a line if it names an object with a predicted visible mask.

        Args:
            line: The line.

        Returns:
            What it means; None for an object with a given visible mask.

        Raises:
            KeyError, ValueError: It is of no known form, or names a picture that is not there.
        """

    @abstractmethod
    def read_given(self, line: ListLine) -> Given:
        """Read a line that names an object with a given visible mask.

        Args:
            line: The line.

        Returns:
            The object.

        Raises:
            IndexError, KeyError, TypeError, ValueError: See the class.
        """

    # ---------------------------------------------------------------- reading

    def load_data_list(self) -> list[dict]:
        """Read the list and what it points to.

        Returns:
            One record per line that the rules keep, in the order of the list.

        Raises:
            IndexError, KeyError, TypeError, ValueError: See the class.
        """
        # What is read of the files, kept until the records are made.
        self._read: dict[str, Any] = {}
        lines = read_list(self.ann_file)
        entries: list[tuple[ListLine, Predicted | Given]] = []
        for line in track_if_slow(lines, len(lines), 'reading the list'):
            entries.append((line, self.read_predicted(line) or self.read_given(line)))
        mixed = any(isinstance(entry, Predicted) for _, entry in entries)
        source = self._open_pickle(entries) if mixed else None
        records: dict[str, dict[str, Any]] = {}
        for line, entry in track_if_slow(entries, len(entries), 'reading masks'):
            if isinstance(entry, Predicted):
                assert source is not None
                record = self._predicted_record(line, entry, source)
            else:
                record = self._given_record(line, entry, mixed)
            if record is None:
                continue
            name = record['sample_id']
            if name in records:
                self.note('listed before', f'{line.where}: {line.text}')
                name = name if self.test_mode else f'{name} in {line.where}'
            records.setdefault(name, record)
        categories = self._read.get('categories', {})
        names = [category['name'] for category in categories.values()]
        self._metainfo['classes'] = (*names, *([UNKNOWN_CATEGORY] if mixed else []))
        self._metainfo['category_ids'] = tuple(categories)
        self._metainfo['ann_file'] = self.ann_file
        self._read = {}
        return list(records.values())

    def _open_pickle(self, entries: list[tuple[ListLine, Any]]) -> RecordFile:
        if self.pickle_file is None:
            line = next(line for line, entry in entries if isinstance(entry, Predicted))
            raise ValueError(
                f'{line.where}: {line.text!r} has a predicted visible mask: give pickle_file, the '
                f'pickle that belongs to the list'
            )
        return RecordFile(osp.join(self.data_root, self.pickle_file), self.pickle_encoding)

    def _predicted_record(
        self, line: ListLine, entry: Predicted, source: RecordFile
    ) -> dict[str, Any] | None:
        found = source.find(entry.key, entry.position, line)
        where = f'{line.where} (record {entry.position} of {entry.key!r} in {source.path})'
        given = found['pred_visible_mask']
        size = given.get('size') if isinstance(given, dict) else None
        if not isinstance(size, list) or len(size) != 2:
            raise TypeError(f'{where}: pred_visible_mask is an RLE with a size, got {given!r:.80}')
        height, width = map(int, size)
        record = self.make_record(
            file_names=[entry.file_name],
            height=height,
            width=width,
            visible=[found['gt_visible_mask']],
            amodal=[found['gt_full_mask']],
            image_id=entry.image_id,
            annotation_id=entry.name,
            category_id=None,  # type: ignore[arg-type]
            category=UNKNOWN_CATEGORY,
            where=where,
        )
        if record is None:
            return None
        try:
            rle = to_rle(given, height, width)
        except (TypeError, ValueError) as error:
            raise type(error)(f'{where}: pred_visible_mask: {error}') from error
        box = found['pred_visible_mask_bbox']
        record['input_segmentations'] = [rle]
        record['window_boxes'] = self._window(box, rle, f'{where}: pred_visible_mask_bbox')
        record['channel_order'] = 'rgb'
        return record

    def _given_record(self, line: ListLine, entry: Given, mixed: bool) -> dict[str, Any] | None:
        annotation = entry.annotation
        image = self._read['images'][annotation['image_id']]
        record = self.make_record(
            file_names=[entry.file_name],
            height=image['height'],
            width=image['width'],
            visible=[entry.visible],
            amodal=[entry.amodal],
            image_id=annotation['image_id'],
            annotation_id=annotation['id'],
            category_id=annotation['category_id'],
            category=self._read['categories'][annotation['category_id']]['name'],
            where=f'{line.where} (annotation {annotation["id"]} of {self.annotation_file})',
        )
        if record is None:
            return None
        rle = record['visible_segmentations'][0]
        record['window_boxes'] = self._window(entry.box, rle, f'{line.where}: {self.BOX}')
        record['channel_order'] = self.given_channel_order
        if mixed:
            record['input_segmentations'] = [rle]
        return record

    def _window(self, box: Any, visible: dict[str, Any], where: str) -> np.ndarray:
        """Bring a box [x, y, w, h] into (1, 4) xyxy; one without extent is that of the mask."""
        if box is not None and not is_box(box):
            raise ValueError(
                f'{where} is [x, y, width, height] with sides of 0 or more, got {box!r:.80}'
            )
        if box is None or min(box[2:]) == 0:
            self.note('box without extent, that of the visible mask taken', where)
            box = coco_mask.toBbox(visible).tolist()
        x, y, width, height = box
        return np.array([[x, y, x + width, y + height]], np.float64)

    # ---------------------------------------------------------------- annotations

    def annotations(self, line: ListLine) -> list[dict[str, Any]]:
        """Read the annotation file, once.

        Args:
            line: The line that needs it.

        Returns:
            Its annotations, in the order of the file.

        Raises:
            FileNotFoundError, KeyError, TypeError, ValueError: When it is missing or wrong.
        """
        if 'annotations' not in self._read:
            if self.annotation_file is None:
                raise ValueError(
                    f'{line.where}: {line.text!r} has a given visible mask: give annotation_file, '
                    f'{self.ANNOTATIONS}'
                )
            path, content = self.read_beside(self.annotation_file, 'annotation file')
            images = index_by_id(content['images'], 'image', IMAGE_KEYS, path)
            categories = index_by_id(content['categories'], 'category', CATEGORY_KEYS, path)
            self._read |= {'images': images, 'categories': categories}
            self._read['annotations'] = content['annotations']
        return self._read['annotations']

    def read_beside(
        self, name: str, kind: str, keys: Sequence[str] = TOP_KEYS
    ) -> tuple[str, dict[str, Any]]:
        """Read a JSON file that belongs to the list.

        Args:
            name: The file, relative to ``data_root``.
            kind: What messages call it.
            keys: Keys of the lists that it needs.

        Returns:
            Its path and its content.

        Raises:
            FileNotFoundError, KeyError, TypeError, ValueError: When it is missing or wrong.
        """
        path = osp.join(self.data_root, name)
        if not osp.isfile(path):
            raise FileNotFoundError(f'{kind} of the list not found: {path}')
        content = read_json(path)
        check_lists(content, path, keys)
        return path, content

    def check_annotation(self, annotation: Any, line: ListLine) -> None:
        """Check an annotation that a line means.

        Args:
            annotation: The annotation.
            line: The line.

        Raises:
            KeyError: A key is missing, or there is no such image or category.
            TypeError: It is no dict.
        """
        what = f'{line.where}: annotation {id_of(annotation)}'
        look = describe_look(annotation, self.FLAVOUR) if isinstance(annotation, dict) else ''
        look = f'; it looks like {look}' if look else ''
        require(annotation, what, (*COMMON_KEYS, *self.NEEDED), str(self.annotation_file), look)
        known = {'image_id': self._read['images'], 'category_id': self._read['categories']}
        for key, entries in known.items():
            if annotation[key] not in entries:
                raise KeyError(f'{what} of {self.annotation_file}: unknown {key} {annotation[key]}')
