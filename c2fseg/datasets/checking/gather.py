"""Reads one split whole: annotation file, pictures, masks."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track

from c2fseg.utils.bounded_map import bounded_map, chunks

from ..conversion import (
    Finding,
    SourceFile,
    SourceImage,
    box_meaning,
    locate_picture,
    merge_sources,
    read_source,
)
from ..flavours import PLAIN_COCO, UNLABELLED
from .object_checks import ObjectRow, ObjectTask, check_objects
from .picture_checks import PictureRow, PictureTask, check_pictures

PICTURES_A_CHUNK = 8
OBJECTS_A_CHUNK = 128
# Starting processes takes a few seconds, in which one reads that many pictures.
PICTURES_WORTH_PROCESSES = 200
OBJECTS_WORTH_PROCESSES = 4000


class Split(NamedTuple):
    """What is to be read.

    Attributes:
        name: What it is called: 'train', or the name of its file.
        ann_files: Its annotation file; several, or a folder, only for the original COCOA.
        img_prefix: Folder of its pictures, None when they are not to be read.
        exif: How pictures are turned, as in :func:`c2fseg.datasets.image_io.read_rgb`.
        bbox: What the key ``bbox`` means, 'amodal' or 'visible'; None when nobody says.
    """

    name: str
    ann_files: tuple[str, ...]
    img_prefix: str | None
    exif: str = 'apply'
    bbox: str | None = None


class SplitData(NamedTuple):
    """What was read.

    Attributes:
        split: What was asked for.
        source: The annotation file; its objects are dropped, ``rows`` has what counts of them.
        pictures: A row for each picture, none when they were not to be read.
        rows: A row for each object whose keys are in order.
        findings: All that is wrong or worth a remark.
    """

    split: Split
    source: SourceFile
    pictures: list[PictureRow]
    rows: list[ObjectRow]
    findings: list[Finding]


def gather_split(split: Split, workers: int = 1, progress: bool = True) -> SplitData:
    """Read a split. Nothing in it stops the reading.

    Args:
        split: What to read.
        workers: Processes; small splits are read in this one.
        progress: Whether to draw progress bars on standard error.

    Returns:
        All that was found.
    """
    sources = [read_source(path) for path in split.ann_files]
    source = merge_sources(sources, f'{sources[0].path} and {len(sources) - 1} more')
    findings = [*source.findings, *_flavour_findings(source)]
    pictures = _gather_pictures(split, source, workers, progress)
    findings += [
        Finding(row.kind, f'image {row.image_id}', f'image {row.image_id}: {row.problem}')
        for row in pictures
        if row.problem is not None
    ]
    tasks = _object_tasks(split, source, pictures, findings)
    busy = workers if len(tasks) >= OBJECTS_WORTH_PROCESSES else 1
    done = bounded_map(check_objects, chunks(tasks, OBJECTS_A_CHUNK), busy)
    rows = list(_bar(done, len(tasks), f'{split.name}: masks', progress))
    findings += [finding for row in rows for finding in row.findings]
    return SplitData(split, source._replace(objects=[]), pictures, rows, findings)


def _flavour_findings(source: SourceFile) -> list[Finding]:
    """Remarks on files that hold less than the kind of file may."""
    if source.flavour is PLAIN_COCO:
        text = f'{source.path}: no object has a visible_mask: all of them count as unoccluded'
        return [Finding('no visible masks', source.path, text, broken=False)]
    if source.flavour is UNLABELLED:
        text = f'{source.path} has no annotations: it serves inference, not training or scoring'
        return [Finding('no annotations', source.path, text, broken=False)]
    return []


def _gather_pictures(
    split: Split, source: SourceFile, workers: int, progress: bool
) -> list[PictureRow]:
    if split.img_prefix is None:
        return []
    tasks = [_picture_task(image, split.img_prefix) for image in source.images.values()]
    busy = workers if len(tasks) >= PICTURES_WORTH_PROCESSES else 1
    look = partial(check_pictures, exif=split.exif)
    done = bounded_map(look, chunks(tasks, PICTURES_A_CHUNK), busy)
    return list(_bar(done, len(tasks), f'{split.name}: pictures', progress))


def _picture_task(image: SourceImage, img_prefix: str) -> PictureTask:
    name = image.file_name or f'(picture of image {image.image_id})'
    path = osp.join(img_prefix, name)
    if image.may_be_renamed:
        with suppress(FileNotFoundError):  # reading it says that it is missing
            path = str(locate_picture(image, img_prefix))
    return PictureTask(image.image_id, path, image.height, image.width)


def _object_tasks(
    split: Split, source: SourceFile, pictures: Sequence[PictureRow], findings: list[Finding]
) -> list[ObjectTask]:
    """Give the objects whose picture's size is known; the others become findings."""
    sizes: dict[Any, tuple[int | None, int | None]] = {
        row.image_id: (row.height, row.width) for row in pictures
    }
    for number, image in source.images.items():
        if image.height is not None:
            sizes[number] = (image.height, image.width)
    meanings = {'bbox': split.bbox or box_meaning('bbox', source.flavour)}
    tasks = []
    for item in source.objects:
        height, width = sizes.get(item.image_id, (None, None))
        if height is None or width is None:
            text = f'{item.where}: the size of its picture is not known'
            findings.append(Finding('no size', item.where, text))
            continue
        kinds = tuple(
            meanings.get(key) or box_meaning(key, source.flavour) for key, _ in item.boxes
        )
        tasks.append(ObjectTask(item, height, width, kinds))
    return tasks


def _bar(done: Iterable[list[Any]], total: int, description: str, progress: bool) -> Iterator[Any]:
    """Pass rows on one by one, with a progress bar."""
    rows = (row for chunk in done for row in chunk)
    yield from track(
        rows,
        total=total,
        description=description,
        console=Console(stderr=True),
        transient=True,
        disable=not progress,
    )
