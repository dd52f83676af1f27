"""What the data sets in COCO layout share: one JSON file of images, categories and annotations."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log

from c2fseg.structures import decode_mask

from .base_amodal_dataset import BaseAmodalDataset
from .coco_file import (
    ANNOTATION_IDS,
    CATEGORY_KEYS,
    IMAGE_KEYS,
    check_boxes,
    check_ids,
    check_lists,
    index_by_id,
    require,
)
from .flavours import (
    PLAIN_COCO,
    UNLABELLED,
    Flavour,
    describe_look,
    detect_flavour,
    id_of,
    read_json,
)


class BaseCocoDataset(BaseAmodalDataset):
    """Objects of one JSON file in COCO layout, image by image.

    A subclass says in ``FLAVOURS`` which kinds of files it reads. Boxes are checked and not used:
    they are recomputed from the masks. Objects with ``iscrowd = 1`` are dropped and counted. An
    object without a visible mask of its own is not occluded: V = A; one with an ``invisible_mask``
    alone is A without it.

    For the arguments see :class:`BaseAmodalDataset`.
    """

    FLAVOURS: tuple[Flavour, ...] = ()
    # How the file is read; ``load_data_list`` finds it out.
    flavour: Flavour

    def load_data_list(self) -> list[dict]:
        """Read the annotation file.

        Returns:
            One record per object that the rules keep, in the order of the file.

        Raises:
            KeyError, TypeError, ValueError: When the file is wrong; the message names file,
                annotation and value.
        """
        content = self.read_content()
        images, categories = self.index_content(content)
        self.flavour = self.find_flavour(content)
        self._metainfo['flavour'] = self.flavour.name
        seen: set[Any] = set()
        records = []
        for annotation in content['annotations']:
            self.check_keys(annotation)
            check_ids(annotation, images, categories, seen, self.ann_file)
            check_boxes(annotation, self.flavour, self.ann_file)
            if annotation.get('iscrowd', 0):
                self.note('iscrowd, dropped', f'annotation {annotation["id"]}')
                continue
            image = images[annotation['image_id']]
            category = categories[annotation['category_id']]['name']
            record = self.read_object(annotation, image, category)
            if record is not None:
                records.append(record)
        return records

    def read_content(self) -> dict[str, Any]:
        """Read the file and check that its lists are there.

        Returns:
            The content: ``images``, ``annotations`` and ``categories`` are lists.

        Raises:
            KeyError, TypeError, ValueError: When it is no JSON, or a list is missing.
        """
        content = read_json(self.ann_file)
        check_lists(content, self.ann_file)
        return content

    def index_content(
        self, content: Mapping[str, Any]
    ) -> tuple[dict[Any, dict[str, Any]], dict[Any, dict[str, Any]]]:
        """Index images and categories, and note what the data set knows by them.

        Args:
            content: What :meth:`read_content` gives.

        Returns:
            Images and categories by id, their keys checked.

        Raises:
            KeyError, TypeError, ValueError: When an entry is wrong.
        """
        images = index_by_id(content['images'], 'image', IMAGE_KEYS, self.ann_file)
        categories = index_by_id(content['categories'], 'category', CATEGORY_KEYS, self.ann_file)
        self.image_sizes = {key: (one['height'], one['width']) for key, one in images.items()}
        self._metainfo['classes'] = tuple(c['name'] for c in categories.values())
        self._metainfo['category_ids'] = tuple(categories)
        self._metainfo['ann_file'] = self.ann_file  # so that a table of results can name its split
        return images, categories

    def find_flavour(self, content: Mapping[str, Any]) -> Flavour:
        """Tell the flavour from the keys of all annotations.

        Args:
            content: The content of the file.

        Returns:
            One of ``FLAVOURS``.

        Raises:
            KeyError: When it is none of them; the message says which class reads the file.
            ValueError: When flavours are mixed, or there is no annotation.
        """
        flavour = detect_flavour(content, self.ann_file)
        if flavour in self.FLAVOURS:
            if flavour is PLAIN_COCO:
                print_log(
                    f'{self.ann_file}: no annotation has a visible_mask, so that every object '
                    f'counts as unoccluded',
                    'current',
                    logging.WARNING,
                )
            return flavour
        if flavour is UNLABELLED:
            raise ValueError(
                f'{self.ann_file} has no annotations: no object is left to train on or to score'
            )
        keys = (*flavour.markers, *flavour.hints)
        entry = next(one for one in content['annotations'] if any(key in one for key in keys))
        missing = 'visible_mask' if 'segmentation' in entry else 'segmentation'
        raise KeyError(
            f'annotation {id_of(entry)} of {self.ann_file}: key {missing!r} is missing, found '
            f'{sorted(entry)}; it looks like {flavour.name}, which {flavour.dataset} reads'
        )

    def check_keys(self, annotation: Mapping[str, Any]) -> None:
        """Check that an annotation has the keys that it needs.

        Args:
            annotation: The annotation.

        Raises:
            KeyError: When one is missing; names what is there and what it looks like.
        """
        keys = self.required_keys()
        look = f'; read as {self.flavour.name}'
        if any(key not in annotation for key in keys if key not in ANNOTATION_IDS):
            other = describe_look(annotation, read_as=self.flavour)
            look += f', it looks like {other}' if other else ''
        require(annotation, f'annotation {id_of(annotation)}', keys, self.ann_file, look)

    def required_keys(self) -> tuple[str, ...]:
        """Give the keys that every annotation needs, in the order in which they are looked for."""
        return (*ANNOTATION_IDS, self.flavour.amodal)

    def where_of(self, annotation: Mapping[str, Any]) -> str:
        """Say what messages call an annotation.

        Args:
            annotation: The annotation.

        Returns:
            'annotation 3 of file.json'.
        """
        return f'annotation {annotation["id"]} of {self.ann_file}'

    def read_object(
        self, annotation: Mapping[str, Any], image: Mapping[str, Any], category: str
    ) -> dict[str, Any] | None:
        """Build the record of one object.

        Args:
            annotation: The annotation, its keys and ids checked.
            image: Entry of its picture.
            category: Name of its class.

        Returns:
            The record, or None when a rule drops the object.

        Raises:
            TypeError, ValueError: When a mask is wrong; names file and annotation.
        """
        record = self.make_record(
            file_names=[image['file_name']],
            height=image['height'],
            width=image['width'],
            visible=[self.visible_of(annotation, image)],
            amodal=[self.amodal_of(annotation)],
            image_id=annotation['image_id'],
            annotation_id=annotation['id'],
            category_id=annotation['category_id'],
            category=category,
            where=self.where_of(annotation),
        )
        if record is not None:
            self.finish_record(record, annotation, image)
        return record

    def finish_record(
        self, record: dict[str, Any], annotation: Mapping[str, Any], image: Mapping[str, Any]
    ) -> None:
        """Note what is odd about an object that is kept; nothing unless a subclass does.

        Args:
            record: Its record, which may be changed.
            annotation: Its annotation.
            image: Entry of its picture.
        """

    def amodal_of(self, annotation: Mapping[str, Any]) -> Any:
        """Give the coded amodal mask of an annotation."""
        return annotation[self.flavour.amodal]

    def visible_of(self, annotation: Mapping[str, Any], image: Mapping[str, Any]) -> Any:
        """Give the coded visible mask of an annotation.

        Args:
            annotation: The annotation.
            image: Entry of its picture.

        Returns:
            A mask as :func:`c2fseg.structures.to_rle` reads it.

        Raises:
            ValueError: With ``strict``, when a hidden part has no visible mask beside it.
        """
        if self.flavour.visible in annotation:
            return annotation[self.flavour.visible]
        amodal = self.amodal_of(annotation)
        if 'invisible_mask' not in annotation:
            return amodal
        where = self.where_of(annotation)
        self._odd('invisible_mask without visible_mask', 'V is A without it', where)
        size = image['height'], image['width']
        try:
            hidden = decode_mask(annotation['invisible_mask'], *size)
            return decode_mask(amodal, *size) & (1 - hidden)
        except (TypeError, ValueError) as error:
            raise type(error)(f'{where}: {error}') from error
