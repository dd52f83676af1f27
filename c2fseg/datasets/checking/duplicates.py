"""What is there twice: objects of a picture, pictures of a split, pictures of two splits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeVar

from ..conversion import Finding
from .gather import SplitData
from .object_checks import ObjectRow

Item = TypeVar('Item')
# Pictures of the same name whose look differs in no more of its 64 bits are one picture, stored
# again: compressed, resized, a little brighter.
NEAR_LOOK = 6
COPY_MARK = re.compile(r'(?:[ _-]*(?:copy|\(\d+\)))+$')
NAMES_SHOWN = 3


class Place(NamedTuple):
    """A picture of a split.

    Attributes:
        split: Name of the split.
        image_id: Its id.
        path: Its file, or its name where pictures are not read.
        content: Hash of its pixels, empty when not read.
        look: How it looks, 0 when not read.
    """

    split: str
    image_id: Any
    path: str
    content: bytes
    look: int

    def __str__(self) -> str:
        return f'{self.path} (image {self.image_id} of {self.split})'


def duplicate_objects(rows: Iterable[ObjectRow]) -> list[Finding]:
    """Find objects of one picture that have the same two masks.

    Args:
        rows: The objects of a split.

    Returns:
        A remark for each group.
    """
    usable = [row for row in rows if row.areas is not None and row.areas.amodal > 0]
    findings = []
    for group in _groups(usable, lambda row: (row.image_id, row.digest)):
        others = ', '.join(row.where for row in group[1:])
        text = f'{group[0].where}: the same masks as {others}'
        findings.append(Finding('annotated twice', group[0].where, text, broken=False))
    return findings


def duplicate_pictures(splits: Sequence[SplitData]) -> list[Finding]:
    """Find pictures that are there twice, in one split or in two.

    Args:
        splits: All splits.

    Returns:
        One finding for each group of equal pictures, broken when it lies in two splits; a remark
        for each two pictures of two splits that have the same name and nearly the same look. Where
        pictures were not read, one remark for each two splits that share file names.
    """
    places = [place for data in splits for place in _places(data)]
    read = [place for place in places if place.content]
    findings = []
    for group in _groups(read, lambda place: place.content):
        apart = len({place.split for place in group}) > 1
        kind = 'picture in two splits' if apart else 'picture twice in a split'
        text = f'the same picture: {", ".join(map(str, group))}'
        findings.append(Finding(kind, str(group[0]), text, broken=apart))
    for group in _groups(read, lambda place: _plain_name(place.path)):
        findings += _near_pictures(group)
    unread = [place for place in places if not place.content]
    return findings + _shared_names(unread)


def _places(data: SplitData) -> list[Place]:
    name = data.split.name
    if data.split.img_prefix is not None:
        return [
            Place(name, row.image_id, row.path, row.content, row.look)
            for row in data.pictures
            if row.content
        ]
    return [
        Place(name, image.image_id, image.file_name, b'', 0)
        for image in data.source.images.values()
        if image.file_name is not None
    ]


def _near_pictures(group: Sequence[Place]) -> list[Finding]:
    """Remarks on pictures of the same name in two splits that look alike and are not equal."""
    findings = []
    for one, other in combinations(group, 2):
        if one.split == other.split or one.content == other.content:
            continue
        if (one.look ^ other.look).bit_count() <= NEAR_LOOK:
            text = f'the same name and nearly the same look: {one}, {other}'
            findings.append(Finding('near-duplicate in two splits', str(one), text, broken=False))
    return findings


def _shared_names(places: Sequence[Place]) -> list[Finding]:
    """Remarks on splits that share names of pictures which nobody read."""
    names: dict[str, set[str]] = defaultdict(set)
    for place in places:
        names[place.split].add(place.path)
    findings = []
    for one, other in combinations(names, 2):
        shared = sorted(names[one] & names[other])
        if shared:
            more = ', ...' if len(shared) > NAMES_SHOWN else ''
            text = (
                f'{one} and {other} share {len(shared)} file names of pictures '
                f'({", ".join(shared[:NAMES_SHOWN])}{more}); whether they are the same pictures '
                f'only reading them can tell'
            )
            findings.append(Finding('same names in two splits', one, text, broken=False))
    return findings


def _plain_name(path: str) -> str:
    """The name of a file without folder, ending, case and marks of a copy."""
    stem = PurePosixPath(path.replace('\\', '/')).stem.casefold()
    return COPY_MARK.sub('', stem) or stem


def _groups(items: Iterable[Item], key: Callable[[Item], Any]) -> list[list[Item]]:
    """Groups of two or more items with the same key."""
    found: dict[Any, list[Item]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return [group for group in found.values() if len(group) > 1]
