"""Your own data: any JSON in COCO layout with amodal masks and, where objects are hidden, visible
ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.registry import DATASETS
from c2fseg.structures import to_rle

from .base_amodal_dataset import OUTSIDE_NOTE_RATE
from .base_coco_dataset import BaseCocoDataset
from .coco_file import ANNOTATION_IDS, check_lists, require
from .flavours import COCO_VISIBLE, PLAIN_COCO, UNLABELLED, Flavour, detect_flavour, read_json
from .record_masks import MaskAreas, mask_areas

BOX_MEANINGS = (None, 'visible', 'amodal')
AMODAL_ARGUMENTS = ('occlusion_range', 'max_visible_outside')
UNNAMED_CATEGORY = 'object'
# Tools round boxes differently; more than this is another box.
BOX_TOLERANCE = 2.0


@DATASETS.register_module()
class CocoAmodalDataset(BaseCocoDataset):
    """Any COCO JSON whose ``segmentation`` is the amodal mask.

    ``visible_mask`` is the visible one, as RLE (compressed or not) or polygons. An object without
    it is not occluded; one whose ``visible_mask`` is empty is fully hidden, and dropped and counted
    as in every data set. ``bbox``, ``area`` and ``occlude_rate`` are recomputed from the masks. A
    file without any ``visible_mask`` is read with a warning.

    In training, a V of which more than 1 % of \\|A\\| lies outside A is cut to A, and counted. In
    validation and test it stays as it is, since a score must not depend on a repair.

    Args:
        ann_file: The file.
        bbox: What the boxes of the file mean: 'visible' or 'amodal' checks them against that mask
            (they are never used for anything else), None does not.
        inference: There is no truth, only what is visible: ``segmentation`` is not needed, records
            have no amodal mask, and nothing can be scored. Needs ``test_mode``. In a file without
            annotations the masks of ``visible_mask_file`` are the objects.
        **kwargs: Arguments of :class:`BaseAmodalDataset`.

    Raises:
        FileNotFoundError: When the file is missing.
        KeyError, TypeError, ValueError: When it is wrong, or has no annotations to train on or to
            score; the message names file and annotation.
    """

    FLAVOURS = (COCO_VISIBLE, PLAIN_COCO)

    def __init__(
        self, ann_file: str, bbox: str | None = None, inference: bool = False, **kwargs: Any
    ) -> None:
        if bbox not in BOX_MEANINGS:
            raise ValueError(f'bbox is one of {BOX_MEANINGS}, got {bbox!r}')
        if inference and not kwargs.get('test_mode', False):
            raise ValueError('inference=True has no amodal masks to train on: set test_mode=True')
        if inference and bbox == 'amodal':
            raise ValueError("inference=True has no amodal masks: bbox is 'visible' or None")
        asked = [n for n in AMODAL_ARGUMENTS if inference and kwargs.get(n) is not None]
        if asked:
            raise ValueError(
                f'inference=True has no amodal masks, which {asked} need: leave it out'
            )
        self.bbox = bbox
        self.inference = inference
        super().__init__(ann_file=ann_file, **kwargs)

    # ---------------------------------------------------------------- reading

    def load_data_list(self) -> list[dict]:
        """Read the annotation file.

        Returns:
            One record per object that the rules keep, in the order of the file; for inference on a
            file without annotations one per mask of ``visible_mask_file``, image by image.

        Raises:
            KeyError, TypeError, ValueError: When a file is wrong; the message names file,
                annotation and value.
        """
        records = super().load_data_list()
        if self.flavour is not UNLABELLED or self.visible_masks is None:
            return records
        images = {image['id']: image for image in self.read_content()['images']}
        names = dict(zip(self.metainfo['category_ids'], self.metainfo['classes']))
        for number, detections in self.visible_masks.read(self.image_sizes).items():
            for detection in detections:
                label = 0 if detection.category_id is None else detection.category_id
                annotation = {
                    'id': len(records) + 1,
                    'image_id': number,
                    'category_id': label,
                    self.flavour.visible: detection.rle,
                }
                name = names.get(label, UNNAMED_CATEGORY)
                record = self.read_object(annotation, images[number], name)
                if record is not None:
                    records.append(record)
        return records

    def read_content(self) -> dict[str, Any]:
        """Read the file and check that its lists are there.

        Returns:
            The content: ``images``, ``annotations`` and ``categories`` are lists. Where a file has
            none of the latter two, they are empty.

        Raises:
            KeyError, TypeError, ValueError: When it is no JSON, or a list is missing.
        """
        content = read_json(self.ann_file)
        if isinstance(content, dict) and 'images' in content and 'annotations' not in content:
            content = {'categories': [], **content, 'annotations': []}
        check_lists(content, self.ann_file)
        return content

    def find_flavour(self, content: Mapping[str, Any]) -> Flavour:
        """Tell the flavour from the keys of all annotations.

        Args:
            content: The content of the file.

        Returns:
            The flavour.

        Raises:
            KeyError: When another class reads the file; the message says which.
            ValueError: When flavours are mixed, or there is no annotation to train on or to score.
        """
        if self.inference:
            flavour = detect_flavour(content, self.ann_file)
            if flavour in (UNLABELLED, PLAIN_COCO):
                return flavour
        return super().find_flavour(content)

    def required_keys(self) -> tuple[str, ...]:
        """Give the keys that every annotation needs; without truth it may have either mask."""
        return ANNOTATION_IDS if self.inference else super().required_keys()

    # ---------------------------------------------------------------- objects

    def amodal_of(self, annotation: Mapping[str, Any]) -> Any:
        """Give the coded amodal mask of an annotation; without truth the visible one stands in.

        Raises:
            KeyError: For inference, when neither mask is there.
        """
        visible, amodal = self.flavour.visible, self.flavour.amodal
        if self.inference and (visible in annotation or amodal not in annotation):
            require(annotation, f'annotation {annotation["id"]}', (visible,), self.ann_file)
            return annotation[visible]
        return super().amodal_of(annotation)

    def finish_record(
        self, record: dict[str, Any], annotation: Mapping[str, Any], image: Mapping[str, Any]
    ) -> None:
        """Compare the box with its mask; without truth, take out what stood in for it.

        Args:
            record: The record of an object that is kept.
            annotation: Its annotation.
            image: Entry of its picture.
        """
        if self.bbox is not None and annotation.get('bbox') is not None:
            self._compare_box(annotation, record[f'{self.bbox}_segmentations'][0])
        if self.inference:
            del record['amodal_segmentations']
            record['occlusion_rate'] = float('nan')

    def visible_of(self, annotation: Mapping[str, Any], image: Mapping[str, Any]) -> Any:
        """As :meth:`BaseCocoDataset.visible_of`, in training cut to A where it sticks out."""
        visible = super().visible_of(annotation, image)
        if self.test_mode or self.strict or self.flavour.visible not in annotation:
            return visible
        size = image['height'], image['width']
        try:
            seen, whole = to_rle(visible, *size), to_rle(self.amodal_of(annotation), *size)
        except (TypeError, ValueError):
            return visible  # make_record reads it again, and says what is wrong
        areas = mask_areas([seen], [whole])
        share = areas.outside / max(areas.amodal, 1)
        limit = self.max_visible_outside
        if share <= OUTSIDE_NOTE_RATE or (limit is not None and share > limit):
            return visible
        if areas.amodal > 0:
            where = self.where_of(annotation)
            self.note('visible mask sticks out of the amodal mask, cut to it', where)
        return coco_mask.merge([seen, whole], intersect=True)

    def _compare_box(self, annotation: Mapping[str, Any], rle: dict[str, Any]) -> None:
        x, y, width, height = (float(side) for side in annotation['bbox'])
        left, top, wide, high = coco_mask.toBbox(rle).tolist()
        sides = np.subtract((x, y, x + width, y + height), (left, top, left + wide, top + high))
        if np.abs(sides).max() > BOX_TOLERANCE:
            self.note(
                f'bbox, declared {self.bbox}, is more than {BOX_TOLERANCE:g} px off its mask, '
                f'which counts',
                self.where_of(annotation),
            )

    # ---------------------------------------------------------------- without truth

    def _keep(self, where: str, areas: MaskAreas) -> bool:
        if self.inference and areas.visible == 0:
            self._odd('empty visible mask', 'dropped', where)
            return False
        return super()._keep(where, areas)
