"""The objects of an annotation file, whatever its flavour, and what is wrong with the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from c2fseg.structures import decode_mask, to_rle

from ..flavours import KINS_V1, Flavour

# What boxes of a flavour mean; None where the file does not say.
BOX_MEANINGS = {'a_bbox': 'amodal', 'i_bbox': 'visible', 'inmodal_bbox': 'visible', 'bbox': None}


class Finding(NamedTuple):
    """Something that a reader of the file should know.

    Attributes:
        kind: A few words that findings of one sort share.
        where: The annotation, picture or file.
        message: What is wrong, with place and values.
        broken: Whether a data set would refuse it; else it is a remark.
    """

    kind: str
    where: str
    message: str
    broken: bool = True


class SourceImage(NamedTuple):
    """A picture as the file describes it.

    Attributes:
        image_id: Its id.
        file_name: Its file, None where the file does not name it.
        height: H in pixels, None where the file does not say.
        width: W in pixels, None where the file does not say.
        source: The annotation file.
        may_be_renamed: There is no entry in ``images``: the name is a guess.
    """

    image_id: Any
    file_name: str | None
    height: int | None
    width: int | None
    source: str
    may_be_renamed: bool = False


class SourceObject(NamedTuple):
    """An object whose keys are in order; its masks were not looked at.

    Attributes:
        where: What messages call it.
        annotation_id: Id of the annotation; for a region, of the annotation that it belongs to.
        region: Position of a region in its annotation from 1, None for other flavours.
        image_id: Id of its picture.
        category_id: Id of its category, None for a region.
        name: Name of the category, or of the region.
        masks: Coded masks by kind: 'amodal', and those of 'visible' and 'hidden' that it has.
        boxes: (key, [x, y, w, h]) of each box that it has.
        is_stuff: Whether a region is stuff (sky, grass) and no thing.
    """

    where: str
    annotation_id: Any
    region: int | None
    image_id: Any
    category_id: Any
    name: str
    masks: dict[str, Any]
    boxes: tuple[tuple[str, list[float]], ...] = ()
    is_stuff: bool = False


class SourceFile(NamedTuple):
    """An annotation file.

    Attributes:
        path: The file.
        flavour: Its kind, None when it cannot be told.
        images: Pictures by id.
        categories: Names by id; empty for the original COCOA files.
        objects: All objects whose keys are in order.
        crowds: Objects with ``iscrowd = 1``, which no data set takes.
        findings: What is wrong.
    """

    path: str
    flavour: Flavour | None
    images: dict[Any, SourceImage]
    categories: dict[Any, str]
    objects: list[SourceObject]
    crowds: int
    findings: list[Finding]


def box_meaning(key: str, flavour: Flavour | None) -> str | None:
    """Say what a box is the box of.

    Args:
        key: Key of the box.
        flavour: Kind of file.

    Returns:
        'amodal', 'visible', or None where the file does not say.
    """
    return 'amodal' if key == 'bbox' and flavour is KINS_V1 else BOX_MEANINGS.get(key)


def source_masks(
    item: SourceObject, height: int, width: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the masks of an object as the data sets do.

    Args:
        item: The object.
        height: H of its picture.
        width: W of its picture.

    Returns:
        A and V as compressed RLE. Without a visible mask V is A without the hidden part, and
        without either V = A.

    Raises:
        TypeError, ValueError: When a mask cannot be read.
    """
    rles = {kind: _named_rle(kind, mask, height, width) for kind, mask in item.masks.items()}
    amodal = rles['amodal']
    if 'visible' in rles:
        return amodal, rles['visible']
    if 'hidden' not in rles:
        return amodal, amodal
    hidden = decode_mask(rles['hidden'], height, width)
    visible = np.logical_and(decode_mask(amodal, height, width), hidden == 0)
    return amodal, to_rle(visible, height, width)


def _named_rle(name: str, mask: Any, height: int, width: int) -> dict[str, Any]:
    try:
        return to_rle(mask, height, width)
    except (TypeError, ValueError) as error:
        raise type(error)(f'{name} mask: {error}') from error
