"""Draws the fixture of this folder: two pictures, six objects, both KINS flavours.

Run from this folder; the files it writes are committed. Image ids differ from the numbers in the
file names, sizes differ, one object is cut by the border, one is two pieces, one is a single pixel.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask

HERE = Path(__file__).parent
CATEGORIES = [{'id': 2, 'name': 'pedestrian'}, {'id': 4, 'name': 'car'}]
IMAGES = [
    {'id': 11, 'file_name': '000003.png', 'width': 120, 'height': 72},
    {'id': 12, 'file_name': '000008.png', 'width': 101, 'height': 64},
]
# image id, annotation id, category, outline; later ones lie in front of earlier ones.
OBJECTS = [
    (11, 101, 4, [(20, 20), (80, 20), (80, 50), (20, 50)]),
    (11, 102, 2, [(50, 10), (64, 10), (64, 60), (50, 60)]),
    (11, 103, 4, [(95, 40), (120, 40), (120, 72), (85, 72)]),
    (12, 201, 4, [(10, 30), (90, 24), (94, 50), (12, 54)]),
    (12, 202, 2, [(40, 15), (52, 15), (52, 60), (40, 60)]),
    (12, 203, 2, [(5, 5), (5.9, 5), (5.9, 5.9), (5, 5.9)]),
]


def rasterise(polygons: list, image: dict) -> np.ndarray:
    """Rasterise polygons as pycocotools does: uint8 (H, W)."""
    size = image['height'], image['width']
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *size)))


def outline(mask: np.ndarray) -> list[list[float]]:
    """Polygons around a mask's pixels: each row's runs as rectangles, so that nothing is lost."""
    polygons = []
    for row, line in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]]).astype(int)))
        for left, right in zip(edges[::2].tolist(), edges[1::2].tolist()):
            polygons.append([left, row, right, row, right, row + 1, left, row + 1])
    return polygons


def main() -> None:
    """Write pictures and annotation files."""
    rng = np.random.default_rng(5)
    new, old = [], []
    for image in IMAGES:
        picture = rng.integers(90, 130, (image['height'], image['width'], 3), dtype=np.uint8)
        objects = [entry for entry in OBJECTS if entry[0] == image['id']]
        amodals = [rasterise([np.ravel(o[3]).tolist()], image) for o in objects]
        for place, ((_, number, category, points), amodal) in enumerate(zip(objects, amodals)):
            front = np.zeros_like(amodal)
            for other in amodals[place + 1 :]:
                front |= other
            visible = outline(amodal & ~front & 1)
            picture[amodal > 0] = rng.integers(0, 255, 3, dtype=np.uint8)
            common = {'id': number, 'image_id': image['id'], 'category_id': category}
            flat = [np.ravel(points).tolist()]
            new.append(
                {**common, 'a_segm': flat, 'i_segm': visible, 'a_bbox': box(rasterise(flat, image)),
                 'i_bbox': box(rasterise(visible, image)), 'oco_id': 1, 'ico_id': 0}
            )  # fmt: skip
            rle = coco_mask.encode(np.asfortranarray(rasterise(visible, image)))
            rle['counts'] = rle['counts'].decode()
            old.append(
                {**common, 'segmentation': flat, 'inmodal_seg': rle, 'bbox': new[-1]['a_bbox'],
                 'inmodal_bbox': new[-1]['i_bbox'], 'iscrowd': 0, 'area': int(amodal.sum())}
            )  # fmt: skip
        cv2.imwrite(str(HERE / 'image_2' / image['file_name']), picture)
    for name, entries in (('kins_2020.json', new), ('kins_v1.json', old)):
        content = {'images': IMAGES, 'annotations': entries, 'categories': CATEGORIES}
        (HERE / name).write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


def box(mask: np.ndarray) -> list[int]:
    """Box [x, y, w, h] of a mask."""
    rows, cols = np.nonzero(mask)
    x, y = int(cols.min()), int(rows.min())
    return [x, y, int(cols.max()) - x + 1, int(rows.max()) - y + 1]


if __name__ == '__main__':
    (HERE / 'image_2').mkdir(exist_ok=True)
    main()
