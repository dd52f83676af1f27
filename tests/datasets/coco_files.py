"""Small files in the layouts of COCOA, D2SA and own data, written by the tests that read them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

H, W = 40, 60


def box_mask(left: int, top: int, right: int, bottom: int, size: tuple = (H, W)) -> np.ndarray:
    """Ones in columns left to right and rows top to bottom, ends exclusive."""
    mask = np.zeros(size, np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def box_polygon(left: float, top: float, right: float, bottom: float) -> list[float]:
    """The flat polygon whose pixels are those of ``box_mask``."""
    return [left, top, right, top, right, bottom, left, bottom]


def runs(mask: np.ndarray) -> dict[str, Any]:
    """Uncompressed RLE, counted by hand: column by column, zeros first."""
    flat = mask.ravel(order='F')
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = [0, *edges.tolist(), flat.size]
    counts = [end - start for start, end in pairwise(bounds)]
    return {'size': list(mask.shape), 'counts': ([0] if flat[0] else []) + counts}


# A shelf of 40 x 20 px behind a box of 20 x 20 px that hides the left half of it.
WHOLE = box_mask(10, 10, 50, 30)
SEEN = box_mask(30, 10, 50, 30)
HIDDEN = box_mask(10, 10, 30, 30)


def region(**changes: Any) -> dict[str, Any]:
    """An unoccluded thing of the original COCOA format."""
    entry = {
        'segmentation': box_polygon(10, 10, 30, 30),
        'name': 'box',
        'area': 400,
        'isStuff': 0,
        'order': 1,
        'occlude_rate': 0,
    }
    return {**entry, **changes}


def hidden_region(**changes: Any) -> dict[str, Any]:
    """What lies behind it, stuff, half of it hidden."""
    entry = {
        'segmentation': box_polygon(10, 10, 50, 30),
        'name': 'shelf ',
        'area': 800,
        'isStuff': 1,
        'order': 2,
        'occlude_rate': 0.5,
        'visible_mask': runs(SEEN),
        'invisible_mask': runs(HIDDEN),
    }
    return {**entry, **changes}


def single(annotation_id: int = 377, image_id: int = 7, **changes: Any) -> dict[str, Any]:
    """A single-annotation file; ``size`` counts regions that are not there, as in real ones."""
    entry = {
        'id': annotation_id,
        'image_id': image_id,
        'author': 'a',
        'url': f'https://example.org/coco/COCO_val2014_{image_id:012d}.jpg',
        'size': 5,
        'regions': [region(), hidden_region()],
    }
    return {**entry, **changes}


def image(number: int, name: str = 'a.png') -> dict[str, Any]:
    return {'id': number, 'file_name': name, 'height': H, 'width': W, 'license': '?'}


def original(*annotations: dict[str, Any]) -> dict[str, Any]:
    """A file of the original COCOA format with two pictures."""
    given = list(annotations) or [single(1, 7, depth_constraint='1-2'), single(2, 8)]
    return {'images': [image(7), image(8, 'b.png')], 'annotations': given}


def objects(**changes: Any) -> dict[str, Any]:
    """A file in COCO layout: a shelf, half hidden, and the box in front of it."""
    shelf = {
        'id': 11,
        'image_id': 7,
        'category_id': 90,
        'segmentation': [box_polygon(10, 10, 50, 30)],
        'visible_mask': runs(SEEN),
        'bbox': [10.0, 10.0, 40.0, 20.0],
        'area': 800,
        'occlude_rate': 0.5,
    }
    box = {
        'id': 12,
        'image_id': 7,
        'category_id': 3,
        'segmentation': runs(HIDDEN),
        'bbox': [10.0, 10.0, 20.0, 20.0],
        'iscrowd': 0,
    }
    content = {
        'images': [image(7), image(8, 'b.png')],
        'categories': [{'id': 3, 'name': 'box'}, {'id': 90, 'name': 'shelf'}],
        'annotations': [shelf, box],
    }
    return {**content, **changes}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_pictures(folder: Path, *names: str, size: tuple[int, int] = (H, W)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in names:
        Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(folder / name)
