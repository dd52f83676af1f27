"""Ordinary COCO instance annotations, of which the objects that seem whole are taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.registry import DATASETS
from c2fseg.structures import to_rle
from c2fseg.utils.slow_progress import track_if_slow

from .base_coco_dataset import BaseCocoDataset
from .coco_file import check_ids
from .flavours import PLAIN_COCO
from .occlusion_synthesis import (
    WholeObjectRules,
    contact_share,
    main_piece_share,
    touches_border,
)

EMPTY = {'size': [1, 1], 'counts': b'1'}


@DATASETS.register_module()
class CocoInstanceDataset(BaseCocoDataset):
    """Whole objects of a COCO instance file: their mask is taken as visible and amodal mask alike.

    Such a file says nothing of what is hidden. The objects that :class:`WholeObjectRules` call
    whole can be hidden behind others by :class:`SynthesizedOcclusion`, which makes amodal training
    data of them, or serve there as occluders. All other objects are dropped and counted in the log.
    For the other arguments see :class:`BaseAmodalDataset`.

    Args:
        min_area: Drop objects of fewer pixels before anything else is looked at.
        whole: Arguments of :class:`WholeObjectRules`.
        **kwargs: Arguments of :class:`BaseAmodalDataset`.

    Source of the format: Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014.
    """

    def __init__(
        self, *args: Any, min_area: int = 1024, whole: dict | None = None, **kwargs: Any
    ) -> None:
        if min_area < 1:
            raise ValueError(f'min_area is at least 1 px, got {min_area}')
        self.min_area = min_area
        self.rules = WholeObjectRules(**(whole or {}))
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the annotation file and choose the whole objects.

        Returns:
            One record per whole object, in the order of the file within each picture.

        Raises:
            KeyError, TypeError, ValueError: When the file is wrong; the message names file,
                annotation and value.
        """
        content = self.read_content()
        images, categories = self.index_content(content)
        self.flavour = PLAIN_COCO  # visible masks, where there are any, are not looked at
        by_image: dict[Any, list[dict]] = {}
        seen: set[Any] = set()
        for annotation in content['annotations']:
            self.check_keys(annotation)
            check_ids(annotation, images, categories, seen, self.ann_file)
            by_image.setdefault(annotation['image_id'], []).append(annotation)
        records = []
        for number in track_if_slow(by_image, len(by_image), 'choosing whole objects'):
            image = images[number]
            for annotation, rle in self._whole_objects(by_image[number], image):
                record = self.make_record(
                    file_names=[image['file_name']],
                    height=image['height'],
                    width=image['width'],
                    visible=[rle],
                    amodal=[rle],
                    image_id=number,
                    annotation_id=annotation['id'],
                    category_id=annotation['category_id'],
                    category=categories[annotation['category_id']]['name'],
                )
                if record is not None:
                    records.append(record)
        return records

    def _whole_objects(
        self, annotations: list[dict], image: dict
    ) -> Iterator[tuple[dict, dict[str, Any]]]:
        """Choose among the annotations of one picture; give each chosen one with its RLE."""
        coded = [self._code(annotation, image) for annotation in annotations]
        boxes = coco_mask.toBbox([rle or EMPTY for rle in coded])
        nearby = _nearby(boxes, self.rules.contact_reach)
        for place, (annotation, rle) in enumerate(zip(annotations, coded)):
            where = f'annotation {annotation["id"]}'
            if rle is None:
                continue
            if annotation.get('iscrowd', 0):
                self.note('iscrowd, dropped', where)
                continue
            if int(coco_mask.area(rle)) < self.min_area:
                self.note(f'fewer than {self.min_area} pixels, dropped', where)
                continue
            others = (coded[number] for number in np.flatnonzero(nearby[place]))
            near = [other for other in others if other is not None]
            flaw = self._find_flaw(coco_mask.decode(rle), near)
            if flaw is None:
                yield annotation, rle
            else:
                self.note(f'{flaw}, dropped', where)

    def _code(self, annotation: dict, image: dict) -> dict[str, Any] | None:
        """The mask of an annotation as RLE, None where it cannot be read and may be skipped."""
        try:
            return to_rle(annotation['segmentation'], image['height'], image['width'])
        except (TypeError, ValueError) as error:
            where = self.where_of(annotation)
            if self.invalid_masks == 'skip':
                self.note('unreadable mask, dropped', f'{where}: {error}')
                return None
            raise type(error)(f'{where}: {error}') from error

    def _find_flaw(self, mask: np.ndarray, near: list[dict[str, Any]]) -> str | None:
        """Say what speaks against an object being whole, None when nothing does."""
        rules = self.rules
        if rules.border_margin is not None and touches_border(mask, rules.border_margin):
            return 'cut by the border of the picture'
        if main_piece_share(mask) < rules.min_main_piece:
            return 'in several pieces'
        if near:
            others = coco_mask.decode(coco_mask.merge(near))
            if contact_share(mask, others, rules.contact_reach) > rules.max_contact:
                return 'touched by others'
        return None


def _nearby(boxes: np.ndarray, reach: int) -> np.ndarray:
    """Which of n boxes [x, y, width, height] come as near to another as ``reach``, (n, n) bool."""
    starts, ends = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    gaps = np.maximum(starts[:, None], starts) - np.minimum(ends[:, None], ends)  # (n, n, 2)
    near = (gaps <= reach).all(axis=-1)
    np.fill_diagonal(near, False)
    return near
