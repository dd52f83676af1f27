"""The trivial predictors: by hand, and through the Runner by their configs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from pycocotools import mask as coco_mask

import c2fseg.datasets
import c2fseg.engine
import c2fseg.evaluation  # noqa: F401
from c2fseg.models.segmentors.trivial_predictor import TrivialPredictor, fill_convex_hull
from c2fseg.structures import AmodalDataSample, decode_mask

ROOT = Path(__file__).parents[2]
MINI = ROOT / 'tests' / 'data' / 'kins_mini'


def grid(text: str) -> np.ndarray:
    return np.array([[int(c == '#') for c in line] for line in text.split()], dtype=np.uint8)


@pytest.mark.parametrize(
    ('mask', 'hull'),
    [
        ('#...# #...# #####', '##### ##### #####'),  # a U is filled
        ('#.... ..... #...#', '#.... ###.. #####'),  # three corners make a triangle
        ('..... .##.. .##..', '..... .##.. .##..'),  # a rectangle is its own hull
        ('..... ..#.. .....', '..... ..#.. .....'),  # one pixel
        ('..... #...# .....', '..... ##### .....'),  # two pixels make a line
        ('..... ..... .....', '..... ..... .....'),
    ],
)
def test_convex_hull_by_hand(mask: str, hull: str) -> None:
    np.testing.assert_array_equal(fill_convex_hull(grid(mask)), grid(hull))


def test_hull_keeps_every_pixel_and_is_its_own_hull() -> None:
    noise = np.random.default_rng(0).random((40, 30, 30)) < 0.02
    for mask in noise.astype(np.uint8):
        hull = fill_convex_hull(mask)
        assert (hull >= mask).all()
        np.testing.assert_array_equal(fill_convex_hull(hull), hull)


def test_predictions_are_exact_for_images_of_different_sizes() -> None:
    full = [grid('#...# #...# #####'), grid('.....## .....## ......# .......')]
    inputs = {
        'full_visible_mask': [torch.from_numpy(mask)[None, None].float() for mask in full],
        'visible_mask': torch.ones(2, 1, 1, 4, 4),
    }
    for method in ('visible', 'convex_hull'):
        samples = [AmodalDataSample(), AmodalDataSample()]
        predicted = TrivialPredictor(method).test_step(dict(inputs=inputs, data_samples=samples))
        for sample, mask in zip(predicted, full):
            expected = mask if method == 'visible' else fill_convex_hull(mask)
            assert sample.pred_masks.amodal.dtype == torch.bool
            np.testing.assert_array_equal(sample.pred_masks.amodal[0].numpy(), expected)
            np.testing.assert_array_equal(sample.pred_masks.visible[0].numpy(), mask)
            assert sample.pred_crop_masks.amodal.shape == (1, 4, 4)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"\['convex_hull', 'visible'\], got 'box'"):
        TrivialPredictor('box')
    model, masks = TrivialPredictor('visible'), {'visible_mask': torch.ones(1, 1, 1, 4, 4)}
    with pytest.raises(ValueError, match='pack_full_visible=True'):
        model(masks, [AmodalDataSample()])
    with pytest.raises(ValueError, match='nothing to train'):
        model(masks, [AmodalDataSample()], mode='loss')
    with pytest.raises(ValueError, match='got None'):
        model(masks)


@pytest.mark.parametrize('name', ['visible', 'hull'])
def test_config_through_the_runner(name: str, tmp_path: Path) -> None:
    config = Config.fromfile(ROOT / 'configs' / f'trivial_{name}_shapes.py')
    config.work_dir = str(tmp_path)
    config.test_dataloader.num_workers = 0
    config.test_dataloader.dataset.update(
        data_root=str(MINI), ann_file='kins_2020.json', data_prefix=dict(img='image_2')
    )
    config.test_evaluator.out_file = str(tmp_path / 'predictions.json')
    values = Runner.from_cfg(config).test()

    content = json.loads((MINI / 'kins_2020.json').read_text())
    sizes = {image['id']: (image['height'], image['width']) for image in content['images']}
    annotations = {a['id']: a for a in content['annotations']}
    entries = json.loads((tmp_path / 'predictions.json').read_text())
    assert values['c2f-image/gt/objects'] == len(entries) > 0
    expected = []
    for entry in entries:
        annotation, size = annotations[entry['annotation_id']], sizes[entry['image_id']]
        visible, amodal = (
            np.asfortranarray(decode_mask(annotation[key], *size)) for key in ('i_segm', 'a_segm')
        )
        answer = visible if name == 'visible' else np.asfortranarray(fill_convex_hull(visible))
        codes = [[coco_mask.encode(mask)] for mask in (answer, amodal)]
        expected.append(coco_mask.iou(*codes, [0])[0, 0])
        np.testing.assert_array_equal(coco_mask.decode(entry['segmentation']), answer)
        assert entry['score'] == 1.0
    key = 'c2f-image/gt/refined/raw/mIoU_{}'
    assert values[key.format('full')] == pytest.approx(np.mean(expected), abs=1e-6)
    if name == 'visible':
        assert values[key.format('occ')] == 0.0
