"""From an annotation file of any flavour to the custom format."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, NamedTuple

from pycocotools import mask as coco_mask

from c2fseg.utils.slow_progress import track_if_slow

from ..cocoa_regions import STUFF, THING, region_id
from ..flavours import COCOA_ORIGINAL
from .coco_amodal_writer import CocoAmodalWriter
from .source_objects import Finding, SourceFile, SourceImage, SourceObject, source_masks
from .source_pictures import complete_image


class RegionRules(NamedTuple):
    """What becomes of the regions of original COCOA files, which have no categories.

    Attributes:
        category: 'kind' makes two categories, thing and stuff; 'name' one of each name.
        things_only: Leave out regions of stuff (sky, grass).
        all_annotators: Take the regions of all annotators of a picture, else of the first.
    """

    category: str = 'kind'
    things_only: bool = False
    all_annotators: bool = False


DEFAULT_RULES = RegionRules()


class Conversion(NamedTuple):
    """What came of a file.

    Attributes:
        writer: Holds all pictures and objects that are in order.
        findings: What is wrong; what they concern is not in ``writer``.
        left_out: Number of objects by the rule that left them out.
    """

    writer: CocoAmodalWriter
    findings: list[Finding]
    left_out: Counter[str]


def convert_source(
    source: SourceFile,
    img_dir: str | os.PathLike[str] | None = None,
    rules: RegionRules = DEFAULT_RULES,
) -> Conversion:
    """Convert a file that was read with :func:`read_source`.

    Args:
        source: What was read.
        img_dir: Folder of the pictures; needed only for files without ``images``.
        rules: What becomes of regions.

    Returns:
        The objects with exactly the masks that the data set of the source flavour gives.
    """
    findings = list(source.findings)
    left_out: Counter[str] = Counter()
    if source.crowds:
        left_out['iscrowd'] = source.crowds
    objects = source.objects
    if source.flavour is COCOA_ORIGINAL:
        objects = _chosen_regions(objects, rules, left_out)
        objects, categories = _with_categories(objects, rules)
    else:
        categories = source.categories
    writer = CocoAmodalWriter(categories)
    images = _add_images(writer, source, img_dir, findings)
    for item in track_if_slow(objects, len(objects), 'converting objects'):
        if item.image_id in images:
            _add_object(writer, item, images[item.image_id], findings)
    return Conversion(writer, findings, left_out)


def _chosen_regions(
    objects: list[SourceObject], rules: RegionRules, left_out: Counter[str]
) -> list[SourceObject]:
    """Apply the rules on annotators and stuff, and count what they leave out."""
    first: dict[Any, Any] = {}
    chosen = []
    for item in objects:
        annotator = first.setdefault(item.image_id, item.annotation_id)
        if annotator != item.annotation_id and not rules.all_annotators:
            left_out['of further annotators'] += 1
        elif item.is_stuff and rules.things_only:
            left_out['stuff'] += 1
        else:
            chosen.append(item)
    return chosen


def _with_categories(
    objects: list[SourceObject], rules: RegionRules
) -> tuple[list[SourceObject], dict[Any, str]]:
    """Give regions a category, numbered as COCOADataset does."""
    if rules.category == 'kind':
        placed = [item._replace(category_id=THING + item.is_stuff) for item in objects]
        return placed, {THING: 'thing', STUFF: 'stuff'}
    names = sorted({item.name for item in objects})
    ids = {name: number for number, name in enumerate(names, start=1)}
    placed = [item._replace(category_id=ids[item.name]) for item in objects]
    return placed, dict(enumerate(names, start=1))


def _add_images(
    writer: CocoAmodalWriter,
    source: SourceFile,
    img_dir: str | os.PathLike[str] | None,
    findings: list[Finding],
) -> dict[Any, SourceImage]:
    """Add all pictures whose name and size are known; gives them by id."""
    images = {}
    for image_id, image in source.images.items():
        try:
            images[image_id] = whole = complete_image(image, img_dir)
        except (OSError, ValueError) as error:
            findings.append(Finding('picture', f'image {image_id}', str(error)))
            continue
        assert whole.file_name is not None
        assert whole.height is not None
        assert whole.width is not None
        writer.add_image(whole.file_name, whole.height, whole.width, image_id)
    return images


def _add_object(
    writer: CocoAmodalWriter, item: SourceObject, image: SourceImage, findings: list[Finding]
) -> None:
    """Add an object, or say why not."""
    assert image.height is not None
    assert image.width is not None
    try:
        amodal, visible = source_masks(item, image.height, image.width)
    except (TypeError, ValueError) as error:
        findings.append(Finding('unreadable mask', item.where, f'{item.where}: {error}'))
        return
    if coco_mask.area(amodal) == 0:
        text = f'{item.where}: its amodal mask has no pixel'
        findings.append(Finding('empty amodal mask', item.where, text))
        return
    extra: dict[str, Any] = {}
    number = item.annotation_id
    if item.region is not None:
        number = region_id(item.annotation_id, item.region)
        extra = {'name': item.name, 'isStuff': int(item.is_stuff)}
    writer.add_object(item.image_id, item.category_id, amodal, visible, number, **extra)
