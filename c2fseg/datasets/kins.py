"""KINS, and whatever else is written in its two JSON flavours (the built-in shapes, for one).

Flavours are told apart by keys, never by file names: ``a_segm`` / ``i_segm`` are KINS 2020,
``segmentation`` / ``inmodal_seg`` are KINS v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c2fseg.registry import DATASETS

from .base_coco_dataset import BaseCocoDataset
from .coco_file import ANNOTATION_IDS
from .flavours import KINS_2020, KINS_V1, Flavour, detect_flavour


@DATASETS.register_module()
class KINSDataset(BaseCocoDataset):
    """KINS v1 and KINS 2020 annotation files.

    Boxes are recomputed from the masks. Objects with ``iscrowd = 1`` are dropped and counted. For
    the arguments see :class:`BaseAmodalDataset`.

    Source: Qi et al., Amodal Instance Segmentation with KINS Dataset, CVPR 2019.
    """

    FLAVOURS = (KINS_2020, KINS_V1)

    def find_flavour(self, content: Mapping[str, Any]) -> Flavour:
        """Tell the flavour from the keys of all annotations.

        Args:
            content: The content of the file.

        Returns:
            KINS v1 or 2020. A file that is neither is read as v1, so that the first annotation
            says what it lacks.

        Raises:
            ValueError: When two flavours are mixed.
        """
        flavour = detect_flavour(content, self.ann_file)
        if flavour in self.FLAVOURS:
            return flavour
        return KINS_V1 if content['annotations'] else KINS_2020

    def required_keys(self) -> tuple[str, ...]:
        """Give the keys that every annotation needs: both masks, never one for the other."""
        return (*ANNOTATION_IDS, self.flavour.amodal, self.flavour.visible)
