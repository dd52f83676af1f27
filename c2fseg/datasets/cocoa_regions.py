"""The original COCOA format, whose annotations are per picture, turned into one per object.

A file has ``images`` and ``annotations`` with ``regions``, or is a single annotation without
``images``, as the demonstration files of the upstream API are.
"""

from __future__ import annotations

import os.path as osp
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .coco_file import IMAGE_KEYS, check_lists, index_by_id, require
from .flavours import id_of
from .image_io import read_rgb

PAIR = re.compile(r'\s*(\d+)\s*-\s*(\d+)\s*')
# Region 7 of annotation 377 becomes object 377007: the same number whatever else is read.
REGION_STRIDE = 1000
CATEGORY_KINDS = ('kind', 'name')
THING, STUFF = 1, 2
PICTURE_ENDINGS = ('.jpg', '.jpeg', '.png')
SECOND_ANNOTATOR = 'another annotator of the same picture, dropped'


def region_id(annotation_id: int, position: int) -> int:
    """Number a region uniquely.

    Args:
        annotation_id: Id of its annotation.
        position: Its place in ``regions``, from 1.

    Returns:
        ``1000 * annotation_id + position``.
    """
    return annotation_id * REGION_STRIDE + position


class RegionsToCoco:
    """Collects annotations with regions, from one or many files, as images and annotations.

    Args:
        category: What a region's category is: 'kind' (thing or stuff), or 'name' (its free text).
        things_only: Leave out regions with ``isStuff``.
        image_folder: Where the pictures of single-annotation files are.
        note: Called with what is odd and where, for each region that is dropped for it.

    Raises:
        ValueError: For an unknown ``category``.
    """

    def __init__(
        self,
        category: str,
        things_only: bool,
        image_folder: str,
        note: Callable[[str, str], None],
    ) -> None:
        if category not in CATEGORY_KINDS:
            raise ValueError(f'category is one of {CATEGORY_KINDS}, got {category!r}')
        self.category = category
        self.things_only = things_only
        self.image_folder = image_folder
        self.note = note
        self._images: dict[Any, dict[str, Any]] = {}
        self._annotations: dict[int, str] = {}  # id and where it is
        self._annotated: set[Any] = set()  # ids of pictures
        self._regions: list[dict[str, Any]] = []

    # ---------------------------------------------------------------- reading

    def add(self, content: dict[str, Any], file: str) -> None:
        """Take the annotations of a file.

        Args:
            content: Its content.
            file: Its name.

        Raises:
            FileNotFoundError: When only the picture could say how large it is, and it is missing.
            KeyError, TypeError, ValueError: When something is wrong; names file and annotation.
        """
        if 'regions' in content:
            self._add_single(content, file)
            return
        check_lists(content, file, ('images', 'annotations'))
        self._add_images(content['images'], file)
        for annotation in content['annotations']:
            self._check(annotation, file)
            if annotation['image_id'] not in self._images:
                raise ValueError(
                    f'annotation {annotation["id"]} of {file}: no image has the image_id '
                    f'{annotation["image_id"]!r}'
                )
            self._add_regions(annotation, file)

    def _add_single(self, annotation: dict[str, Any], file: str) -> None:
        """Take a file that is one annotation: its picture and its size are found elsewhere."""
        self._check(annotation, file)
        path = self._find_picture(annotation, file)
        masks = (
            region.get(key)
            for region in annotation['regions']
            if isinstance(region, Mapping)
            for key in ('visible_mask', 'invisible_mask')
        )
        size = next((m['size'] for m in masks if isinstance(m, Mapping) and 'size' in m), None)
        if size is None:
            size = _picture_size(osp.join(self.image_folder, path), file)
        if not (isinstance(size, list | tuple) and len(size) == 2):
            raise ValueError(f'{file}: size of an RLE is [H, W], got {size!r}')
        entry = dict(zip(('height', 'width'), size), id=annotation['image_id'], file_name=path)
        self._add_images([entry], file)
        self._add_regions(annotation, file)

    def _find_picture(self, annotation: Mapping[str, Any], file: str) -> str:
        """Name the picture: what the url ends in, or what is called as the file, if it is there."""
        from_url = osp.basename(str(annotation.get('url', '')))
        stem = osp.splitext(osp.basename(file))[0]
        names = [from_url] * bool(from_url) + [stem + ending for ending in PICTURE_ENDINGS]
        there = (name for name in names if osp.isfile(osp.join(self.image_folder, name)))
        return next(there, names[0])

    def _add_images(self, images: Sequence[Any], file: str) -> None:
        for number, image in index_by_id(images, 'image', IMAGE_KEYS, file).items():
            entry = {key: image[key] for key in IMAGE_KEYS}
            if self._images.setdefault(number, entry) != entry:
                raise ValueError(
                    f'{file}: image {number} is {entry}, in another file it is '
                    f'{self._images[number]}'
                )

    # ---------------------------------------------------------------- checks

    def _check(self, annotation: Any, file: str) -> None:
        what = f'annotation {id_of(annotation)}'
        require(annotation, what, ('id', 'image_id', 'regions'), file, '; read as COCOA (original)')
        where = f'{what} of {file}'
        if not isinstance(annotation['id'], int):
            raise TypeError(f'{where}: id is a whole number, got {annotation["id"]!r}')
        if not isinstance(annotation['image_id'], int | str):
            raise TypeError(f'{where}: image_id is a number, got {annotation["image_id"]!r}')
        if annotation['id'] in self._annotations:
            raise ValueError(
                f'{where}: this id is used twice, also in {self._annotations[annotation["id"]]}'
            )
        self._annotations[annotation['id']] = file
        regions = annotation['regions']
        if not isinstance(regions, list):
            raise TypeError(f'{where}: regions is a list, got {type(regions).__name__}')
        if len(regions) >= REGION_STRIDE:
            raise ValueError(f'{where}: at most {REGION_STRIDE - 1} regions, got {len(regions)}')
        check_depth(annotation.get('depth_constraint'), len(regions), where)

    # ---------------------------------------------------------------- objects

    def _add_regions(self, annotation: Mapping[str, Any], file: str) -> None:
        if annotation['image_id'] in self._annotated:
            for position in range(1, len(annotation['regions']) + 1):
                where = f'region {position} of annotation {annotation["id"]} of {file}'
                self.note(SECOND_ANNOTATOR, where)
            return
        self._annotated.add(annotation['image_id'])
        for position, region in enumerate(annotation['regions'], start=1):
            what = f'region {position} of annotation {annotation["id"]}'
            require(region, what, self._region_keys(), file)
            if region.get('isStuff', 0) not in (0, 1):
                raise ValueError(f'{what} of {file}: isStuff is 0 or 1, got {region["isStuff"]!r}')
            if self.things_only and region['isStuff']:
                continue
            self._regions.append(_as_object(region, position, annotation, f'{what} of {file}'))

    def _region_keys(self) -> tuple[str, ...]:
        by_kind = self.things_only or self.category == 'kind'
        return ('segmentation', *['isStuff'] * by_kind, *['name'] * (self.category == 'name'))

    def to_coco(self) -> dict[str, Any]:
        """Give all objects so far in COCO layout.

        Returns:
            ``images``, ``categories`` (1 thing and 2 stuff, or the names in alphabetical order) and
            ``annotations``: ``id`` (:func:`region_id`), ``image_id``, ``category_id``,
            ``segmentation`` (amodal), ``visible_mask`` and ``invisible_mask`` where the region has
            them, ``where`` (what messages call it), and the region's other keys.
        """
        if self.category == 'kind':
            categories = {'thing': THING, 'stuff': STUFF}
            of = [THING + bool(region['isStuff']) for region in self._regions]
        else:
            names = [str(region['name']).strip() for region in self._regions]
            categories = {name: number for number, name in enumerate(sorted({*names}), start=1)}
            of = [categories[name] for name in names]
        return {
            'images': list(self._images.values()),
            'categories': [{'id': number, 'name': name} for name, number in categories.items()],
            'annotations': [
                {**region, 'category_id': number} for region, number in zip(self._regions, of)
            ],
        }


def _as_object(
    region: Mapping[str, Any], position: int, annotation: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """A region with the keys of an annotation of COCO; its flat polygon is the only one of a list.

    Args:
        region: The region.
        position: Its place, from 1.
        annotation: What it belongs to.
        where: What messages call it.
    """
    polygon = region['segmentation']
    flat = isinstance(polygon, list) and polygon and isinstance(polygon[0], int | float)
    return {
        **region,
        'segmentation': [polygon] if flat else polygon,
        'id': region_id(annotation['id'], position),
        'image_id': annotation['image_id'],
        'iscrowd': 0,
        'where': where,
    }


def check_depth(constraint: Any, regions: int, where: str) -> None:
    """Check pairs 'i-j,...' of regions, i in front of j.

    Args:
        constraint: The pairs; None or an empty text for none.
        regions: Number of regions.
        where: What messages call the annotation.

    Raises:
        TypeError, ValueError: When they are no such pairs, or name a region that is not there.
    """
    if constraint is None or constraint == '':
        return
    if not isinstance(constraint, str):
        raise TypeError(f"{where}: depth_constraint is text as '1-2,1-5', got {constraint!r}")
    for pair in constraint.strip().strip(',').split(','):
        match = PAIR.fullmatch(pair)
        if match is None:
            raise ValueError(f"{where}: depth_constraint is pairs as '1-2,1-5', got {pair!r}")
        if not all(1 <= int(position) <= regions for position in match.groups()):
            raise ValueError(
                f'{where}: depth_constraint has the pair {pair.strip()!r}, there are regions 1 to '
                f'{regions}'
            )


def _picture_size(path: str, file: str) -> tuple[int, ...]:
    """(H, W) of a picture, as it is when it is read."""
    if not osp.isfile(path):
        raise FileNotFoundError(
            f'{file} says nothing about the size of its picture, which is not there: {path}'
        )
    return read_rgb(path).shape[:2]
