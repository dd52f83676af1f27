"""Visible masks from annotation and result files, by picture."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Keys of the visible mask, in the order in which they are looked for, with that of the amodal one.
VISIBLE_KEYS = (
    ('i_segm', 'a_segm'),
    ('inmodal_seg', 'segmentation'),
    ('visible_mask', 'segmentation'),
    ('visible_segmentation', None),
    ('segmentation', None),
)


@dataclass
class MaskEntry:
    """One object of a file.

    Attributes:
        visible: Its visible mask as the file holds it (RLE or polygons).
        truth: Its amodal mask when the file has one; inference does not look at it.
        size: (H, W) of the picture by the file, None when the file does not say.
        info: ``image_id``, ``annotation_id``, ``category_id``, ``category``, ``visible_score`` (the
            confidence of whatever found the visible mask), those that the file has.
    """

    visible: Any
    truth: Any = None
    size: tuple[int, int] | None = None
    info: dict[str, Any] = field(default_factory=dict)


class MaskFile:
    """The objects of a JSON file, found by picture.

    Reads KINS 2020 and v1, COCO files with ``visible_mask`` (absent where the object is not
    occluded, as in COCOA-cls), plain COCO files and COCO result lists, whose ``segmentation`` is
    the visible part, unless there is a ``visible_segmentation``. In a result list a picture is
    found by ``file_name`` where its results have one; else ``000012.png`` is the one with
    ``image_id`` 12 or ``'000012'``.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not JSON.
        TypeError: It is neither a dict nor a list of dicts.
        KeyError: A key is missing; the message names it.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'No mask file at {self.path}')
        try:
            content = json.loads(self.path.read_text(encoding='utf-8'))
        except (ValueError, RecursionError) as error:
            raise ValueError(f'{self.path} is not JSON: {error}') from error
        if not isinstance(content, (dict, list)):
            raise TypeError(
                f'{self.path}: expected a dict with images and annotations or a list of results, '
                f'got {type(content).__name__}'
            )
        self.by_name: dict[str, list[MaskEntry]] = {}
        self.by_id: dict[str, list[MaskEntry]] = {}
        # A result list says nothing of pictures without objects, other files list them.
        self.lists_pictures = isinstance(content, dict)
        if isinstance(content, dict):
            self._read_annotations(content)
        else:
            self._read_results(content)
        self._names: dict[str, list[str]] = {}
        for key in self.by_name:
            self._names.setdefault(Path(key).name, []).append(key)

    def find(self, image: str | os.PathLike) -> list[MaskEntry]:
        """The objects of a picture.

        Args:
            image: Path or name of the picture.

        Returns:
            Its objects in the order of the file, none when the file lists the picture without any.

        Raises:
            KeyError: The file does not know the picture, or knows several of that name.
        """
        named = self._by_name(image)
        if len(named) > 1:
            raise KeyError(f'{self.path} has several pictures for {image}: {", ".join(named[:3])}')
        if named:
            return self.by_name[named[0]]
        for key in _id_forms(image):
            if key in self.by_id:
                return self.by_id[key]
        known = ', '.join([*self.by_name, *self.by_id][:3]) or 'none'
        raise KeyError(f'{self.path} has no picture {image} (it has {known}, ...)')

    def knows(self, image: str | os.PathLike) -> bool:
        """Whether the file has a picture.

        Args:
            image: Path or name of the picture.
        """
        return bool(self._by_name(image)) or any(key in self.by_id for key in _id_forms(image))

    def _by_name(self, image: str | os.PathLike) -> list[str]:
        """The names in the file that the picture may have: its own, or with fewer folders."""
        name = Path(image).as_posix()
        if name in self.by_name:
            return [name]
        named = self._names.get(Path(image).name, [])
        close = [key for key in named if f'/{name}'.endswith(f'/{key}')]
        close = close or [key for key in named if f'/{key}'.endswith(f'/{name}')]
        # A result list may leave a picture out, so that another of that file name is not it.
        return close or (named if self.lists_pictures else [])

    def _read_results(self, content: list[Any]) -> None:
        for position, result in enumerate(content):
            image_id = self._get(result, 'image_id', f'result {position}')
            entry = self._entry(result, f'result {position}', False, {}, None)
            self.by_id.setdefault(str(image_id), []).append(entry)
            if isinstance(result.get('file_name'), str):
                self.by_name.setdefault(result['file_name'], []).append(entry)

    def _read_annotations(self, content: dict[str, Any]) -> None:
        images = {}
        for position, image in enumerate(self._get(content, 'images', 'the file')):
            file_name = self._get(image, 'file_name', f'image {position}')
            images[self._get(image, 'id', f'image {position}')] = image
            self.by_name.setdefault(file_name, [])
        names = {one.get('id'): one.get('name') for one in content.get('categories', ())}
        annotations = self._get(content, 'annotations', 'the file')
        partly = any('visible_mask' in one for one in annotations)
        for position, annotation in enumerate(annotations):
            where = f'annotation {annotation.get("id", position)}'
            image_id = self._get(annotation, 'image_id', where)
            if image_id not in images:
                raise KeyError(f'{self.path}, {where}: image_id {image_id} is not in "images"')
            image = images[image_id]
            size = None
            if 'height' in image and 'width' in image:
                size = (int(image['height']), int(image['width']))
            entry = self._entry(annotation, where, partly, names, size)
            self.by_name[image['file_name']].append(entry)

    def _entry(
        self,
        annotation: Mapping[str, Any],
        where: str,
        partly: bool,
        names: Mapping[Any, str],
        size: tuple[int, int] | None,
    ) -> MaskEntry:
        """Turn an annotation into an entry; ``partly``: a missing visible mask is the whole one."""
        pair = next((pair for pair in VISIBLE_KEYS if pair[0] in annotation), None)
        if pair is None:
            keys = ', '.join(sorted(annotation))
            wanted = ', '.join(one for one, _ in VISIBLE_KEYS)
            raise KeyError(f'{self.path}, {where}: none of {wanted}; its keys are {keys}')
        visible, amodal = pair
        if partly and visible == 'segmentation':
            amodal = 'segmentation'
        info = {'image_id': annotation.get('image_id')}
        info['annotation_id'] = annotation.get('id', annotation.get('annotation_id'))
        info['category_id'] = annotation.get('category_id')
        info['category'] = names.get(info['category_id'], annotation.get('category'))
        info['visible_score'] = annotation.get('score')
        info = {key: value for key, value in info.items() if value is not None}
        truth = annotation.get(amodal) if amodal else None
        return MaskEntry(annotation[visible], truth, size, info)

    def _get(self, holder: Any, key: str, where: str) -> Any:
        if not isinstance(holder, Mapping):
            raise TypeError(f'{self.path}, {where}: expected a dict, got {type(holder).__name__}')
        if key not in holder:
            raise KeyError(
                f'{self.path}, {where}: key "{key}" is missing; found {", ".join(sorted(holder))}'
            )
        return holder[key]


def _id_forms(image: str | os.PathLike) -> tuple[str, ...]:
    """The ``image_id`` that a picture may have by its name."""
    stem = Path(image).stem
    return Path(image).as_posix(), stem, str(int(stem)) if stem.isdecimal() else stem
