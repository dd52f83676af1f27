"""D2SA: groceries that hide one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from c2fseg.registry import DATASETS

from .coco_amodal import CocoAmodalDataset
from .flavours import Flavour

# Outlines are drawn a little over the border of the picture everywhere.
BORDER_TOLERANCE = 1.0


@DATASETS.register_module()
class D2SADataset(CocoAmodalDataset):
    """D2S Amodal.

    ``segmentation`` is amodal, ``visible_mask`` is there where an object is occluded; both are RLE
    or polygons. ``bbox`` is amodal, and not used. Objects may continue beyond the picture: what
    lies outside is cut off, and counted.

    ``D2S_amodal_test_info.json`` has no annotations: only ``inference=True`` reads it.

    For the arguments see :class:`CocoAmodalDataset`.

    Source: Follmann et al., Learning to See the Invisible: End-to-End Trainable Amodal Instance
        Segmentation, WACV 2019.
    """

    def read_object(
        self,
        annotation: Mapping[str, Any],
        flavour: Flavour,
        image: Mapping[str, Any],
        category: str,
    ) -> dict[str, Any] | None:
        """Build the record of one object.

        Args:
            annotation: The annotation, its keys and ids checked.
            flavour: How the file is read.
            image: Entry of its picture.
            category: Name of its class.

        Returns:
            The record, or None when a rule drops the object.

        Raises:
            TypeError, ValueError: When a mask is wrong; names file and annotation.
        """
        record = super().read_object(annotation, flavour, image, category)
        if record is not None and _leaves_picture(annotation.get(flavour.amodal), image):
            self.note('continues beyond the picture, cut off there', self.where_of(annotation))
        return record


def _leaves_picture(mask: Any, image: Mapping[str, Any]) -> bool:
    """Whether a polygon of a readable mask goes beyond the border."""
    if not isinstance(mask, Sequence) or not mask:
        return False
    polygons = [mask] if isinstance(mask[0], int | float) else mask
    limits = np.array([image['width'], image['height']]) + BORDER_TOLERANCE
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2:
            continue  # dropped where masks are read
        points = np.asarray(polygon, float).reshape(-1, 2)
        if ((points < -BORDER_TOLERANCE) | (points > limits)).any():
            return True
    return False
