"""D2SA: groceries that hide one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from c2fseg.registry import DATASETS

from .coco_amodal import CocoAmodalDataset

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

    def finish_record(
        self, record: dict[str, Any], annotation: Mapping[str, Any], image: Mapping[str, Any]
    ) -> None:
        """As :meth:`CocoAmodalDataset.finish_record`; notes what was cut off at the border too."""
        super().finish_record(record, annotation, image)
        if _leaves_picture(annotation.get(self.flavour.amodal), image):
            self.note('continues beyond the picture, cut off there', self.where_of(annotation))


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
