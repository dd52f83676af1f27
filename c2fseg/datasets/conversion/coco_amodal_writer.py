"""The one place that writes the custom COCO-amodal format.

``segmentation`` is the amodal mask and ``visible_mask`` the visible one, both as compressed RLE, so
that no pixel changes on the way; ``visible_mask`` is always written, also where it equals the
amodal mask. ``bbox`` and ``area`` belong to the amodal mask, as in any COCO file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from c2fseg.utils.atomic_backend import write_whole

from ..base_amodal_dataset import OCCLUDED_RATE
from ..record_masks import mask_areas


class CocoAmodalWriter:
    """Collects pictures and objects, and writes them as one file.

    Args:
        categories: Name of each category by its id.

    Attributes:
        images: Entries of pictures so far.
        annotations: Entries of objects so far.
    """

    def __init__(self, categories: Mapping[int, str]) -> None:
        self.categories = dict(categories)
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self._image_ids: set[Any] = set()

    def add_image(self, file_name: str, height: int, width: int, image_id: Any = None) -> Any:
        """Add a picture.

        Args:
            file_name: Its file, relative to the folder of the pictures.
            height: H in pixels.
            width: W in pixels.
            image_id: Its id; None numbers pictures from 1.

        Returns:
            The id.

        Raises:
            ValueError: When the id is taken.
        """
        image_id = len(self.images) + 1 if image_id is None else image_id
        if image_id in self._image_ids:
            raise ValueError(f'picture {file_name}: the image id {image_id!r} is taken already')
        self._image_ids.add(image_id)
        self.images.append(
            {'id': image_id, 'file_name': file_name, 'height': height, 'width': width}
        )
        return image_id

    def add_object(
        self,
        image_id: Any,
        category_id: int,
        amodal: dict[str, Any],
        visible: dict[str, Any],
        annotation_id: Any = None,
        **extra: Any,
    ) -> None:
        """Add an object to a picture that was added before.

        Args:
            image_id: Id of the picture.
            category_id: Id of its category.
            amodal: A as compressed RLE, at least one pixel.
            visible: V as compressed RLE; without a pixel it says "fully hidden".
            annotation_id: Its id; None numbers objects from 1.
            extra: Further keys of its entry, which loaders leave alone.

        Raises:
            KeyError: When picture or category is unknown.
            ValueError: When A is empty.
        """
        if image_id not in self._image_ids or category_id not in self.categories:
            raise KeyError(f'image {image_id!r} or category {category_id!r} was not added before')
        areas = mask_areas([visible], [amodal])
        if areas.amodal == 0:
            raise ValueError('an object has at least one amodal pixel, this one has none')
        self.annotations.append(
            {
                'id': len(self.annotations) + 1 if annotation_id is None else annotation_id,
                'image_id': image_id,
                'category_id': category_id,
                'segmentation': json_rle(amodal),
                'visible_mask': json_rle(visible),
                'bbox': [float(side) for side in coco_mask.toBbox(amodal)],
                'area': areas.amodal,
                'occlude_rate': round(areas.occlusion_rate, 6),
                'iscrowd': 0,
                **extra,
            }
        )

    def content(self) -> dict[str, list]:
        """Give what the file holds: ``images``, ``annotations``, ``categories``."""
        categories = [{'id': number, 'name': name} for number, name in self.categories.items()]
        return {'images': self.images, 'annotations': self.annotations, 'categories': categories}

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the file, whole or not at all.

        Args:
            path: The file; its folder is made if need be.

        Returns:
            The file.
        """
        text = json.dumps(self.content(), ensure_ascii=False, separators=(',', ':'))
        return write_whole(path, f'{text}\n'.encode())

    def summary(self) -> str:
        """Say in one line what was collected."""
        occluded = sum(entry['occlude_rate'] > OCCLUDED_RATE for entry in self.annotations)
        return (
            f'{len(self.images)} pictures, {len(self.annotations)} objects, {occluded} of them '
            f'over {OCCLUDED_RATE:.0%} hidden, {len(self.categories)} categories'
        )


def json_rle(rle: dict[str, Any]) -> dict[str, Any]:
    """Give a compressed RLE as JSON can hold it.

    Args:
        rle: With counts as bytes or str.

    Returns:
        The same with counts as str.
    """
    counts = rle['counts']
    text = counts.decode('ascii') if isinstance(counts, bytes) else counts
    return {'size': [int(side) for side in rle['size']], 'counts': text}
