"""Reads an annotation file of any flavour without stopping at the first mistake.

Data sets raise at the first mistake. Whoever wants to know all of them reads with
:func:`read_source`, which makes the same checks entry by entry: what is in order comes as objects,
what is not as findings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from c2fseg.structures.mask_coding import MAX_COORDINATE

from ..coco_file import (
    ANNOTATION_IDS,
    CATEGORY_KEYS,
    IMAGE_KEYS,
    check_boxes,
    check_ids,
    index_by_id,
    require,
)
from ..cocoa_regions import check_depth
from ..flavours import (
    COCOA_ORIGINAL,
    KINS_2020,
    KINS_V1,
    Flavour,
    detect_flavour,
    id_of,
    read_json,
)
from .source_objects import Finding, SourceFile, SourceImage, SourceObject

REGION_KEYS = ('segmentation', 'isStuff')
HIDDEN_KEY = 'invisible_mask'
UNREADABLE = 'annotation file cannot be read'
KINDS_OF_ERRORS: dict[type[Exception], str] = {
    KeyError: 'missing key',
    TypeError: 'wrong kind of value',
    ValueError: 'wrong value',
}


def read_source(path: str | os.PathLike[str]) -> SourceFile:
    """Read an annotation file of any flavour: KINS v1 and 2020, COCOA, D2SA, custom.

    Args:
        path: The file, or a folder of single-annotation files of the original COCOA.

    Returns:
        What is in it. A file that cannot be read at all comes with a finding and without objects.
    """
    if not Path(path).is_dir():
        return _read_file(str(path))
    files = sorted(Path(path).glob('*.json'))
    if not files:
        text = f'folder {path} holds no JSON file'
        finding = Finding(UNREADABLE, str(path), text)
        return SourceFile(str(path), None, {}, {}, [], 0, [finding])
    return merge_sources([_read_file(str(file)) for file in files], str(path))


def merge_sources(sources: Sequence[SourceFile], path: str) -> SourceFile:
    """Put several original COCOA files into one.

    Args:
        sources: What was read of each, at least one.
        path: What the whole is called.

    Returns:
        All of it. Files of other flavours, and annotation ids that occur twice, are findings.
    """
    if len(sources) == 1:
        return sources[0]
    merged = SourceFile(path, COCOA_ORIGINAL, {}, {}, [], 0, [])
    owners: dict[Any, str] = {}
    for source in sources:
        name = Path(source.path).name
        merged.findings.extend(source.findings)
        if source.flavour not in (None, COCOA_ORIGINAL):
            text = f'{name} is {source.flavour.name}; several files have to be COCOA (original)'
            merged.findings.append(Finding('another flavour', name, text))
            continue
        merged.images.update(source.images)
        for number in dict.fromkeys(item.annotation_id for item in source.objects):
            if owners.setdefault(number, source.path) != source.path:
                text = f'annotation {number} of {name}: {Path(owners[number]).name} has this id too'
                merged.findings.append(Finding('wrong value', f'annotation {number}', text))
        merged.objects.extend(
            item for item in source.objects if owners[item.annotation_id] == source.path
        )
    return merged


# -------------------------------------------------------------------- one file


def _read_file(path: str) -> SourceFile:
    source = SourceFile(path, None, {}, {}, [], 0, [])
    try:
        content = read_json(path)
        if isinstance(content, dict) and isinstance(content.get('annotations'), list):
            content['annotations'] = _dicts(content['annotations'], source)
        flavour = detect_flavour(content, path)
    except (OSError, KeyError, TypeError, ValueError) as error:
        source.findings.append(Finding(UNREADABLE, path, _words(error)))
        return source
    source = source._replace(flavour=flavour)
    if 'regions' in content:  # the file of one annotation
        content = {'annotations': [content]}
    for number, entry in _indexed(content.get('images', []), 'image', IMAGE_KEYS, source).items():
        if not isinstance(entry['file_name'], str):
            text = f'image {number} of {_name(source)}: file_name is text, got {entry["file_name"]}'
            source.findings.append(Finding('wrong value', f'image {number}', text))
            continue
        sides = (entry['height'], entry['width'])
        source.images[number] = SourceImage(number, entry['file_name'], *sides, path)
    if flavour is COCOA_ORIGINAL:
        _read_regions(content, source)
        return source
    categories = _indexed(content.get('categories'), 'category', CATEGORY_KEYS, source)
    source.categories.update((number, str(entry['name'])) for number, entry in categories.items())
    return source._replace(crowds=_read_annotations(content, source, flavour))


def _indexed(entries: Any, kind: str, keys: tuple[str, ...], source: SourceFile) -> dict[Any, dict]:
    """Index the entries that are in order by id; the others become findings."""
    indexed: dict[Any, dict] = {}
    for entry in _list(entries, kind, source):
        with_twin = [indexed[entry['id']], entry] if _has_twin(entry, indexed) else [entry]
        _try(source, f'{kind} {id_of(entry)}', _index_into, indexed, with_twin, kind, keys)
    return indexed


def _index_into(
    indexed: dict[Any, dict], entries: list, kind: str, keys: tuple[str, ...], file: str
) -> None:
    indexed.update(index_by_id(entries, kind, keys, file))


def _has_twin(entry: Any, indexed: dict[Any, dict]) -> bool:
    number = entry.get('id') if isinstance(entry, Mapping) else None
    return isinstance(number, int | str) and number in indexed


def _read_annotations(content: Mapping[str, Any], source: SourceFile, flavour: Flavour) -> int:
    """Add the objects of all flavours but the original COCOA; gives the number of crowds."""
    keys = [*ANNOTATION_IDS, flavour.amodal]
    if flavour in (KINS_V1, KINS_2020):
        keys.append(flavour.visible)
    seen: set[Any] = set()
    crowds = 0
    for entry in content.get('annotations', []):
        where = f'annotation {id_of(entry)}'
        if not _try(source, where, _check_annotation, entry, where, keys, source, seen):
            continue
        if entry.get('iscrowd', 0):
            crowds += 1
            continue
        source.objects.append(
            SourceObject(
                where=f'{where} of {_name(source)}',
                annotation_id=entry['id'],
                region=None,
                image_id=entry['image_id'],
                category_id=entry['category_id'],
                name=source.categories[entry['category_id']],
                masks=_masks_of(entry, flavour),
                boxes=tuple(_read_boxes(entry, flavour, where, source)),
            )
        )
    return crowds


def _check_annotation(
    entry: Mapping[str, Any],
    where: str,
    keys: Sequence[str],
    source: SourceFile,
    seen: set[Any],
    file: str,
) -> None:
    require(entry, where, keys, file)
    check_ids(entry, source.images, source.categories, seen, file)


def _masks_of(entry: Mapping[str, Any], flavour: Flavour) -> dict[str, Any]:
    """The coded masks of an annotation or region; the hidden part counts where V is not given."""
    keys = {'amodal': flavour.amodal, 'visible': flavour.visible}
    if flavour.visible not in entry:
        keys['hidden'] = HIDDEN_KEY
    return {kind: entry[key] for kind, key in keys.items() if key in entry}


def _read_boxes(
    entry: Mapping[str, Any], flavour: Flavour, where: str, source: SourceFile
) -> Iterator[tuple[str, list[float]]]:
    """The boxes of an annotation that are boxes; the others become findings."""
    for key in flavour.boxes:
        alone = flavour._replace(boxes=(key,))
        if entry.get(key) is not None and _try(source, where, check_boxes, entry, alone):
            yield key, entry[key]


def _read_regions(content: Mapping[str, Any], source: SourceFile) -> None:
    """Add the regions of an original COCOA file, one annotation a picture and annotator."""
    seen: set[Any] = set()
    for entry in content['annotations']:
        where = f'annotation {id_of(entry)}'
        # Pictures need no entry of their own here, and there are no categories.
        ids = {'category_id': 0, **{key: entry.get(key) for key in ('id', 'image_id')}}
        images = source.images if 'images' in content else {_hashable(entry.get('image_id')): None}
        if not _try(source, where, _check_regions, entry, where, ids, images, seen):
            continue
        if 'images' not in content:
            source.images.setdefault(entry['image_id'], _unnamed_image(entry, source.path))
        for place, region in enumerate(_list(entry['regions'], 'region', source), start=1):
            _read_region(region, place, ids, source)


def _check_regions(
    entry: Mapping[str, Any],
    where: str,
    ids: Mapping[str, Any],
    images: Mapping[Any, Any],
    seen: set[Any],
    file: str,
) -> None:
    require(entry, where, ('id', 'image_id', 'regions'), file)
    if not isinstance(entry['id'], int):
        raise TypeError(f'{where} of {file}: id is a whole number, got {entry["id"]!r}')
    check_ids(ids, images, {0: None}, seen, file)
    number = len(entry['regions']) if isinstance(entry['regions'], list) else 0
    check_depth(entry.get('depth_constraint'), number, f'{where} of {file}')


def _read_region(region: Any, place: int, ids: Mapping[str, Any], source: SourceFile) -> None:
    where = f'region {place} of annotation {ids["id"]}'
    if not _try(source, where, _check_region, region, where):
        return
    source.objects.append(
        SourceObject(
            where=f'{where} of {_name(source)}',
            annotation_id=ids['id'],
            region=place,
            image_id=ids['image_id'],
            category_id=None,
            name=str(region.get('name', '')).strip(),
            masks=_masks_of(region, COCOA_ORIGINAL),
            is_stuff=bool(region['isStuff']),
        )
    )


def _check_region(region: Any, where: str, file: str) -> None:
    require(region, where, REGION_KEYS, file)
    if region['isStuff'] not in (0, 1):
        raise ValueError(f'{where} of {file}: isStuff is 0 or 1, got {region["isStuff"]!r}')


def _unnamed_image(entry: Mapping[str, Any], path: str) -> SourceImage:
    """What an annotation without an entry in ``images`` says about its picture."""
    url = entry.get('url')
    file_name = url.rsplit('/', 1)[-1] if isinstance(url, str) and url else None
    regions = entry['regions'] if isinstance(entry['regions'], list) else []
    masks = (
        region.get(key)
        for region in regions
        if isinstance(region, Mapping)
        for key in ('visible_mask', HIDDEN_KEY)
    )
    sizes = (mask.get('size') for mask in masks if isinstance(mask, Mapping))
    height, width = next(filter(_is_size, sizes), None) or (None, None)
    return SourceImage(entry['image_id'], file_name, height, width, path, may_be_renamed=True)


# -------------------------------------------------------------------- small helpers


def _try(source: SourceFile, where: str, check: Callable[..., None], *arguments: Any) -> bool:
    """Run a check that raises; what it says becomes a finding.

    Args:
        source: What is read; its name is the last argument of the check.
        where: What the check is about.
        check: The check.
        arguments: Its arguments but the last.

    Returns:
        True when nothing was wrong.
    """
    try:
        check(*arguments, _name(source))
    except (KeyError, TypeError, ValueError) as error:
        kind = next(name for kind, name in KINDS_OF_ERRORS.items() if isinstance(error, kind))
        source.findings.append(Finding(kind, where, _words(error)))
        return False
    return True


def _words(error: Exception) -> str:
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


def _name(source: SourceFile) -> str:
    return Path(source.path).name


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, list) and len(value) == 2 else [None]
    return all(isinstance(side, int) and 1 <= side < MAX_COORDINATE for side in sides)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def _list(entries: Any, kind: str, source: SourceFile) -> list:
    if isinstance(entries, list):
        return entries
    text = f'{_name(source)}: expected a list of one {kind} each, got {type(entries).__name__}'
    source.findings.append(Finding('wrong kind of value', _name(source), text))
    return []


def _dicts(entries: list, source: SourceFile) -> list[Mapping[str, Any]]:
    """The entries that are dicts, which the detection of the flavour asks for."""
    for place, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            text = f'annotations[{place}] of {_name(source)} is a dict, got {type(entry).__name__}'
            source.findings.append(Finding('wrong kind of value', f'annotations[{place}]', text))
    return [entry for entry in entries if isinstance(entry, Mapping)]
