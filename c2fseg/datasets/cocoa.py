"""COCOA: its original files with regions, and the COCO-layout files made of them."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any

from c2fseg.registry import DATASETS

from .base_coco_dataset import BaseCocoDataset
from .coco_file import check_lists
from .cocoa_regions import CATEGORY_KINDS, RegionsToCoco
from .flavours import COCO_VISIBLE, COCOA_ORIGINAL, PLAIN_COCO, Flavour, detect_flavour, read_json


@DATASETS.register_module()
class COCOADataset(BaseCocoDataset):
    """COCOA: original files (``regions``), COCOA-cls and detectron-style files.

    The flavour is told by the keys. An original file is read region by region: region 7 of
    annotation 377 is object 377007. V is ``visible_mask``, and A where a region has none. Of
    several annotators of a picture (the BSDS variant) the first one counts; the regions of the
    others are counted and named once. ``order``, ``size`` and ``depth_constraint`` are not relied
    on.

    A single-annotation file has no ``images``: the picture is what its ``url`` ends in, or has the
    name of the file, whichever is there, and its size is that of the masks, or of the picture where
    nothing is occluded.

    Args:
        ann_file: The file. Original files may be several: a list of files, or a folder, all of
            whose ``*.json`` are read in the order of their names.
        category: Of regions: 'kind' makes two categories, thing and stuff; 'name' one of each name
            that somebody gave, numbered in alphabetical order.
        things_only: Of regions: leave out those with ``isStuff``.
        **kwargs: Arguments of :class:`BaseAmodalDataset`. With ``strict``, a region with one of
            ``visible_mask`` and ``invisible_mask`` is an error.

    Raises:
        FileNotFoundError: When a file is missing.
        KeyError, TypeError, ValueError: When a file is wrong; names file, annotation and region.

    Source: Zhu et al., Semantic Amodal Segmentation, CVPR 2017.
    """

    FLAVOURS = (COCO_VISIBLE, PLAIN_COCO)

    def __init__(
        self,
        ann_file: str | Sequence[str],
        category: str = 'kind',
        things_only: bool = False,
        **kwargs: Any,
    ) -> None:
        if category not in CATEGORY_KINDS:
            raise ValueError(f'category is one of {CATEGORY_KINDS}, got {category!r}')
        self.category = category
        self.things_only = things_only
        self.ann_files = [ann_file] if isinstance(ann_file, str) else list(ann_file)
        if not self.ann_files:
            raise ValueError('ann_file: give a file, a folder or a list of files, got an empty one')
        super().__init__(ann_file=self.ann_files[0], **kwargs)

    def _join_prefix(self) -> None:
        super()._join_prefix()
        self.ann_files = [osp.join(self.data_root or '', name) for name in self.ann_files]
        if len(self.ann_files) == 1 and osp.isdir(self.ann_files[0]):
            folder = self.ann_files[0]
            names = sorted(name for name in os.listdir(folder) if name.endswith('.json'))
            self.ann_files = [osp.join(folder, name) for name in names]
            self.ann_file = osp.normpath(folder)
        elif len(self.ann_files) > 1:
            self.ann_file = f'{self.ann_files[0]} and {len(self.ann_files) - 1} more files'

    def annotation_files(self) -> list[str]:
        """List the files that are read.

        Returns:
            Their paths.

        Raises:
            FileNotFoundError: When the folder holds none.
        """
        if not self.ann_files:
            raise FileNotFoundError(
                f'{type(self).__name__}: no *.json in the folder {self.ann_file} '
                f'(data_root={self.data_root!r})'
            )
        return self.ann_files

    # ---------------------------------------------------------------- reading

    def read_content(self) -> dict[str, Any]:
        """Read the file, or all of them; regions become annotations.

        Returns:
            The content: ``images``, ``annotations`` and ``categories`` are lists.

        Raises:
            KeyError, TypeError, ValueError: When a file is wrong, or several are not all original.
        """
        self._original = False
        contents = {name: read_json(name) for name in self.ann_files}
        flavours = {name: detect_flavour(content, name) for name, content in contents.items()}
        other = next((name for name in flavours if flavours[name] is not COCOA_ORIGINAL), None)
        if other is not None:
            if len(contents) > 1:
                raise ValueError(
                    f'{other} is {flavours[other].name}: several files are read together only '
                    f'where all of them are {COCOA_ORIGINAL.name}'
                )
            check_lists(contents[other], other)
            return contents[other]
        self._original = True
        reader = RegionsToCoco(
            self.category, self.things_only, self.data_prefix['img'], note=self.note
        )
        for name, content in contents.items():
            reader.add(content, name)
        return reader.to_coco()

    def find_flavour(self, content: Mapping[str, Any]) -> Flavour:
        """Tell the flavour from the keys of all annotations.

        Args:
            content: What :meth:`read_content` gives.

        Returns:
            The flavour.

        Raises:
            KeyError, ValueError: As :meth:`BaseCocoDataset.find_flavour`.
        """
        return COCOA_ORIGINAL if self._original else super().find_flavour(content)

    def where_of(self, annotation: Mapping[str, Any]) -> str:
        """Say what messages call an annotation.

        Args:
            annotation: The annotation.

        Returns:
            'annotation 3 of file.json', or 'region 2 of annotation 377 of file.json'.
        """
        return annotation['where'] if self._original else super().where_of(annotation)

    def visible_of(self, annotation: Mapping[str, Any], image: Mapping[str, Any]) -> Any:
        """As :meth:`BaseCocoDataset.visible_of`.

        Raises:
            ValueError: With ``strict``, when one of the two masks of a region is missing.
        """
        alone = 'visible_mask' in annotation and 'invisible_mask' not in annotation
        if self._original and self.strict and alone:
            raise ValueError(
                f'{self.where_of(annotation)}: visible_mask without invisible_mask (strict=True)'
            )
        return super().visible_of(annotation, image)
