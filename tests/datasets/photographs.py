"""A tiny COCO instance data set, written by the tests that read it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from .coco_files import box_polygon

H, W = 80, 120
LOAD = [{'type': 'LoadFrames'}, {'type': 'LoadAmodalMasks'}]
# Picture, box (x0, y0, x1, y1) and what its object is.
OBJECTS = {
    1: (1, (20, 20, 50, 50)),  # whole: free on all sides
    2: (1, (80, 10, 120, 40)),  # cut by the right border
    3: (1, (60, 55, 70, 65)),  # small: 100 px
    4: (2, (10, 10, 50, 50)),  # touched on its right side by the next
    5: (2, (50, 10, 90, 50)),
    6: (3, (30, 20, 90, 60)),  # whole
}


def write_photographs(root: Path) -> Path:
    """Write three pictures of noise with boxes of plain colours; gives the annotation file."""
    folder = root / 'photographs'
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        rng = np.random.default_rng(number)
        image = rng.integers(0, 60, (H, W, 3), dtype=np.uint8)
        for annotation, (picture, (x0, y0, x1, y1)) in OBJECTS.items():
            if picture == number:
                image[y0:y1, x0:x1] = (200, 40 * annotation, 100)
        assert cv2.imwrite(str(folder / f'{number}.png'), image[..., ::-1])
    annotations = [
        {
            'id': number,
            'image_id': picture,
            'category_id': 1 + number % 2,
            'iscrowd': 0,
            'segmentation': [box_polygon(*box)],
            'bbox': [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            'area': (box[2] - box[0]) * (box[3] - box[1]),
        }
        for number, (picture, box) in OBJECTS.items()
    ]
    content = {
        'images': [{'id': n, 'file_name': f'{n}.png', 'height': H, 'width': W} for n in (1, 2, 3)],
        'categories': [{'id': 1, 'name': 'box'}, {'id': 2, 'name': 'crate'}],
        'annotations': annotations,
    }
    file = root / 'instances.json'
    file.write_text(json.dumps(content))
    return file


def instances(root: Path, **arguments) -> dict:
    """Config of the data set of whole objects."""
    return {
        'type': 'CocoInstanceDataset',
        'data_root': str(root),
        'ann_file': 'instances.json',
        'data_prefix': {'img': 'photographs'},
        'pipeline': LOAD,
        'min_area': 400,
        **arguments,
    }
