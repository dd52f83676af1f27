"""The general weights: the default of the inferencer, better than a convex hull."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from c2fseg.apis import AmodalInferencer
from c2fseg.datasets import COCOADataset
from c2fseg.evaluation.functional import amodal_iou, protocol_means
from c2fseg.structures import decode_mask

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = ROOT.parent / 'shared/real/cocoa_demo'


@pytest.fixture(scope='module')
def general() -> AmodalInferencer:
    return AmodalInferencer(device='cpu')


def test_they_are_the_default_and_ship(general: AmodalInferencer) -> None:
    assert Path(general.model.cfg.filename).name == 'c2f_general.py'
    assert (ROOT / 'weights/c2f_general.pth').stat().st_size < 12e6


def scores(inferencer: AmodalInferencer, pictures: list, objects: list) -> tuple[float, float]:
    """Mean full and occluded IoU, c2f-image, raw."""
    given = [[visible for visible, _ in of_one] for of_one in objects]
    predictions = inferencer(pictures, given, progress=False)['predictions']
    results = [
        amodal_iou(found['amodal_mask'], amodal, visible)
        for prediction, of_one in zip(predictions, objects, strict=True)
        for found, (visible, amodal) in zip(prediction['objects'], of_one, strict=True)
    ]
    means = protocol_means('c2f-image', results)
    return means['mIoU_full'], means['mIoU_occ']


def test_drawn_shapes(general: AmodalInferencer) -> None:
    content = json.loads((ROOT / 'demo/data/annotations.json').read_text())
    pictures, objects = [], []
    for image in content['images']:
        size = image['height'], image['width']
        entries = [a for a in content['annotations'] if a['image_id'] == image['id']]
        pictures.append(str(ROOT / 'demo/data' / image['file_name']))
        objects.append([[decode_mask(a[k], *size) for k in ('i_segm', 'a_segm')] for a in entries])
    full, occluded = scores(general, pictures, objects)
    hull = scores(AmodalInferencer('trivial_hull_shapes', device='cpu'), pictures, objects)
    assert full > hull[0] + 0.05
    assert occluded > hull[1] + 0.05


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason='no folder of COCOA pictures beside the clone')
def test_regions_of_photographs(general: AmodalInferencer) -> None:
    dataset = COCOADataset(ann_file='.', data_root=str(PHOTOGRAPHS), test_mode=True)
    by_picture: dict[str, list] = {}
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        size = record['height'], record['width']
        masks = [
            decode_mask(record[f'{kind}_segmentations'][0], *size) for kind in ('visible', 'amodal')
        ]
        by_picture.setdefault(record['img_paths'][0], []).append(masks)
    assert sum(map(len, by_picture.values())) == 48
    pictures, objects = list(by_picture), list(by_picture.values())
    ours = scores(general, pictures, objects)
    hull = scores(AmodalInferencer('trivial_hull_shapes', device='cpu'), pictures, objects)
    assert np.all(np.array(ours) > np.array(hull)), (ours, hull)
