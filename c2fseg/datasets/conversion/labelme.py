"""A folder of labelme files, read as pictures with objects; everything wrong is collected.

An object is one or several ``NAME/amodal`` shapes and any number of ``NAME/visible`` shapes that
share a ``group_id`` within a file; shapes of one kind are united. Without a visible shape the
object is unoccluded. A ``NAME/amodal`` shape without ``group_id`` is an unoccluded object of its
own.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from pycocotools import mask as coco_mask

from c2fseg.utils.slow_progress import track_if_slow

from ..image_io import read_rgb
from ..record_masks import mask_areas
from .labelme_shapes import LabelmeShape, read_shape

MAX_OUTSIDE = 0.01


class LabelmeMistake(NamedTuple):
    """Something that has to be mended.

    Attributes:
        file: The labelme file.
        place: What of it: 'shapes[2]', or '' for the whole file.
        message: What is wrong.
    """

    file: str
    place: str
    message: str

    def __str__(self) -> str:
        return f'{self.file}{", " if self.place else ""}{self.place}: {self.message}'


class LabelmeObject(NamedTuple):
    """One object.

    Attributes:
        category: Its name.
        amodal: A as compressed RLE.
        visible: V as compressed RLE.
        group: ``group_id``, None for an object without.
    """

    category: str
    amodal: dict[str, Any]
    visible: dict[str, Any]
    group: int | str | None


class LabelmePicture(NamedTuple):
    """One picture with its objects.

    Attributes:
        file_name: The picture, relative to the folder of pictures, with forward slashes.
        height: H in pixels.
        width: W in pixels.
        objects: Its objects in the order of their first shapes.
        source: The labelme file.
    """

    file_name: str
    height: int
    width: int
    objects: list[LabelmeObject]
    source: str


def read_labelme_folder(
    folder: str | os.PathLike[str],
    img_dir: str | os.PathLike[str],
    categories: Sequence[str] | None = None,
    leave_out: Collection[Path] = (),
) -> tuple[list[LabelmePicture], list[LabelmeMistake]]:
    """Read all labelme files of a folder and of the folders in it.

    Args:
        folder: Where the labelme files are.
        img_dir: Folder of the pictures, which ``file_name`` starts from.
        categories: Names that may occur; None takes any.
        leave_out: JSON files in ``folder`` that are none of labelme's.

    Returns:
        The pictures with every object that is in order, sorted by labelme file; all mistakes.

    Raises:
        FileNotFoundError: When the folder is missing or holds no JSON file.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f'folder of labelme files not found: {root}')
    others = {path.resolve() for path in leave_out}
    files = sorted(path for path in root.rglob('*.json') if path.resolve() not in others)
    if not files:
        raise FileNotFoundError(f'{root} holds no labelme file (*.json)')
    pictures: list[LabelmePicture] = []
    mistakes: list[LabelmeMistake] = []
    taken: dict[str, str] = {}
    for path in track_if_slow(files, len(files), 'reading labelme files'):
        try:
            picture, found = read_labelme_file(path, Path(img_dir), categories)
            earlier = taken.setdefault(picture.file_name, str(path))
            if earlier != str(path):
                raise ValueError(f'picture {picture.file_name} belongs to {earlier} already')
        except (OSError, ValueError) as error:
            mistakes.append(LabelmeMistake(str(path), '', str(error)))
            continue
        pictures.append(picture)
        mistakes += found
    return pictures, mistakes


def read_labelme_file(
    path: Path, img_dir: Path, categories: Sequence[str] | None = None
) -> tuple[LabelmePicture, list[LabelmeMistake]]:
    """Read one labelme file.

    Args:
        path: The file.
        img_dir: Folder of the pictures.
        categories: Names that may occur; None takes any.

    Returns:
        The picture with every object that is in order; the mistakes in the others.

    Raises:
        OSError: When the file or its picture is missing or damaged.
        ValueError: When the file is none of labelme's, or the picture has another size.
    """
    content = _read_json(path)
    picture_path = _find_picture(path, content, img_dir)
    height, width = read_rgb(str(picture_path)).shape[:2]
    _check_size(content, picture_path, height, width)
    mistakes: list[LabelmeMistake] = []
    shapes = []
    spoilt: set[Any] = set()
    for place, entry in enumerate(content['shapes']):
        try:
            shapes.append(read_shape(entry, place, height, width))
        except ValueError as error:
            mistakes.append(LabelmeMistake(str(path), _place_of(entry, place), str(error)))
            spoilt.add(_group_of(entry))
    objects = []
    for parts in _grouped(shapes):
        if parts[0].group is not None and parts[0].group in spoilt:
            continue  # the mistake is listed; half an object is none
        try:
            objects.append(_make_object(parts, categories))
        except ValueError as error:
            where = ', '.join(
                _place_of(content['shapes'][part.place], part.place) for part in parts
            )
            mistakes.append(LabelmeMistake(str(path), where, str(error)))
    file_name = Path(os.path.relpath(picture_path, img_dir)).as_posix()
    return LabelmePicture(file_name, height, width, objects, str(path)), mistakes


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'it is not JSON: {error}') from error
    if not isinstance(content, dict) or not isinstance(content.get('shapes'), list):
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"no labelme file: expected a dict with a list 'shapes', got {found}")
    return content


def _find_picture(path: Path, content: dict[str, Any], img_dir: Path) -> Path:
    """Look for the picture beside the labelme file, then in the folder of pictures."""
    named = content.get('imagePath')
    if not isinstance(named, str) or not named:
        raise ValueError(f"'imagePath' names the picture, got {named!r}")
    parts = PureWindowsPath(named)  # understands both kinds of slashes
    candidates = [path.parent / parts.as_posix(), img_dir / parts.as_posix(), img_dir / parts.name]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = ', '.join(dict.fromkeys(str(candidate) for candidate in candidates))
    hint = '; write its imageData to that file' if content.get('imageData') else ''
    raise FileNotFoundError(f'picture {named!r} not found, looked for {tried}{hint}')


def _check_size(content: dict[str, Any], picture: Path, height: int, width: int) -> None:
    said = (content.get('imageHeight') or height, content.get('imageWidth') or width)
    if said != (height, width):
        raise ValueError(
            f'picture {picture} is {width} x {height} px, the labels were drawn on '
            f'{said[1]} x {said[0]} px'
        )


def _place_of(entry: Any, place: int) -> str:
    label = entry.get('label') if isinstance(entry, dict) else None
    group = _group_of(entry)
    return f'shapes[{place}] ({label!r}{"" if group is None else f", group {group}"})'


def _group_of(entry: Any) -> int | str | None:
    group = entry.get('group_id') if isinstance(entry, dict) else None
    return group if isinstance(group, int | str) else None


def _grouped(shapes: Sequence[LabelmeShape]) -> Iterator[list[LabelmeShape]]:
    """The shapes of each object, in the order of their first ones."""
    groups: dict[tuple[Any, int], list[LabelmeShape]] = {}
    for shape in shapes:
        alone = shape.group is None
        groups.setdefault((shape.group, shape.place if alone else -1), []).append(shape)
    yield from groups.values()


def _make_object(parts: Sequence[LabelmeShape], categories: Sequence[str] | None) -> LabelmeObject:
    """Unite the shapes of one object, and check them against each other."""
    names = Counter(part.name for part in parts)
    if len(names) > 1:
        raise ValueError(f'one group_id joins the shapes of one object, these have {[*names]}')
    name, group = parts[0].name, parts[0].group
    if categories is not None and name not in categories:
        raise ValueError(f'category {name!r} is not among {[*categories]}')
    masks = {
        kind: [part.mask for part in parts if part.kind == kind] for kind in ('visible', 'amodal')
    }
    if not masks['amodal']:
        hint = (
            'give it and its amodal shape the same group_id'
            if group is None
            else f'no {name}/amodal shape has the group_id {group!r}'
        )
        raise ValueError(f'a visible shape without its amodal one: {hint}')
    amodal = coco_mask.merge(masks['amodal'])
    visible = coco_mask.merge(masks['visible']) if masks['visible'] else amodal
    areas = mask_areas([visible], [amodal])
    share = areas.outside / areas.amodal
    if share > MAX_OUTSIDE:
        raise ValueError(
            f'{areas.outside} visible px lie outside the amodal shape, {share:.1%} of its area '
            f'(at most {MAX_OUTSIDE:.0%}): draw the amodal shape around all that is visible'
        )
    return LabelmeObject(name, amodal, visible, group)
