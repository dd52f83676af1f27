"""MMDetMaskSource: what mmdet finds, filtered; nothing unsafe is run, nothing left behind."""

from __future__ import annotations

import argparse
import builtins
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image
from pycocotools import mask as coco_mask

from c2fseg.apis import AmodalInferencer, init_model
from c2fseg.mask_sources import MMDetMaskSource, Picture, VisibleObject
from c2fseg.mask_sources.mmdet_mask_source import suppress_masks
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import to_rle
from c2fseg.utils.checkpoint import CheckpointError, RefusedCheckpointError
from tests.mask_sources.tiny_detectors import CLASSES, mask_rcnn, write_weights

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (
    ROOT / 'configs' / 'detectors' / 'rtmdet_ins_shapes.py',
    ROOT / 'weights' / 'rtmdet_ins_shapes.pth',
)


@pytest.fixture(scope='module')
def config() -> Config:
    return mask_rcnn()


@pytest.fixture(scope='module')
def weights(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(config, tmp_path_factory.mktemp('detector') / 'mask_rcnn.pth')


@pytest.fixture(scope='module')
def source(config: Config, weights: Path) -> MMDetMaskSource:
    return MMDetMaskSource(config, weights, device='cpu', score_threshold=0.0, batch_size=2)


@pytest.fixture(scope='module')
def pictures() -> list[Picture]:
    generator = np.random.default_rng(3)
    sizes = ((60, 80), (60, 80), (50, 90))
    return [Picture(generator.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


def plain(objects: list[VisibleObject]) -> list[tuple[Any, ...]]:
    return [(item.mask, round(item.score, 5), item.info) for item in objects]


# --- what is found ----------------------------------------------------------------------------


def test_it_finds_what_mmdets_own_call_finds_in_the_file(
    weights, source, pictures, tmp_path
) -> None:
    """The reference reads a PNG: it would differ if red and blue were exchanged."""
    from mmdet.apis import inference_detector, init_detector

    Image.fromarray(pictures[0].image).save(tmp_path / 'picture.png')
    own = mask_rcnn()
    own.test_dataloader.dataset = own.test_dataloader.dataset.datasets[0]
    with DefaultScope.overwrite_default_scope('mmdet'):
        before = dict(DefaultScope._instance_dict)
        model = init_detector(own, str(weights), device='cpu', palette='random')
        expected = inference_detector(model, str(tmp_path / 'picture.png')).pred_instances
        DefaultScope._instance_dict.clear()
        DefaultScope._instance_dict.update(before)
    (found,) = source.find([pictures[0]])
    order = np.argsort(-expected.scores.numpy(), kind='stable')
    order = [place for place in order if expected.masks[place].any()]
    assert len(found) == len(order) > 3
    for item, place in zip(found, order, strict=True):
        assert item.score == pytest.approx(float(expected.scores[place]), abs=1e-5)
        assert item.info['category_id'] == int(expected.labels[place])
        assert item.info['category'] == CLASSES[item.info['category_id']]
        np.testing.assert_array_equal(coco_mask.decode(item.mask), expected.masks[place].numpy())


def test_a_batch_gives_what_single_pictures_give(source, pictures) -> None:
    together = source.find(pictures)
    assert [len(objects) > 0 for objects in together] == [True] * 3
    for picture, objects in zip(pictures, together, strict=True):
        assert plain(source.find([picture])[0]) == plain(objects)


def test_pictures_of_one_size_are_seen_in_one_batch(source, pictures, monkeypatch) -> None:
    sizes = []
    real = source.model.test_step

    def spy(data):
        sizes.append(len(data['inputs']))
        return real(data)

    monkeypatch.setattr(source.model, 'test_step', spy)
    source.find(pictures)
    assert sizes == [2, 1]


def test_masks_have_the_size_of_the_picture_and_come_by_score(source, pictures) -> None:
    for picture, objects in zip(pictures, source.find(pictures), strict=True):
        assert {tuple(item.mask['size']) for item in objects} == {picture.image.shape[:2]}
        scores = [item.score for item in objects]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)


def test_no_picture_no_object(source) -> None:
    assert source.find([]) == []


# --- filters ----------------------------------------------------------------------------------


def test_filters_leave_what_they_say(config, weights, source, pictures) -> None:
    (all_found,) = source.find(pictures[:1])
    half = sorted(item.score for item in all_found)[len(all_found) // 2]
    name = all_found[0].info['category']
    strict = MMDetMaskSource(config, weights, score_threshold=half, classes=[name], max_objects=2)
    expected = [item for item in all_found if item.score >= half and item.info['category'] == name]
    assert 0 < len(expected) < len(all_found)
    assert plain(strict.find(pictures[:1])[0]) == plain(expected[:2])
    none = MMDetMaskSource(config, weights, score_threshold=1.0)
    assert none.find(pictures[:2]) == [[], []]


def test_classes_by_number_are_those_by_name(config, weights, pictures) -> None:
    one, other = (
        MMDetMaskSource(config, weights, score_threshold=0.0, classes=classes)
        for classes in (['dog', 'cow'], [1, 2])
    )
    (found,) = one.find(pictures[:1])
    assert {item.info['category'] for item in found} <= {'dog', 'cow'}
    assert plain(found) == plain(other.find(pictures[:1])[0])


@pytest.mark.parametrize('unknown', [['cat', 'bird'], [3], [True], []])
def test_unknown_classes_are_answered_with_those_there_are(config, weights, unknown) -> None:
    with pytest.raises(ValueError, match='it finds 0 cat, 1 dog, 2 cow'):
        MMDetMaskSource(config, weights, classes=unknown)


def test_of_two_overlapping_masks_the_better_stays() -> None:
    """Squares of 4 x 4 px: the second shares 12 px with the first (IoU 12 / 20), the third none."""
    objects = []
    for score, left in ((0.9, 0), (0.8, 1), (0.7, 8)):
        mask = np.zeros((6, 12), bool)
        mask[:4, left : left + 4] = True
        objects.append(VisibleObject(to_rle(mask, 6, 12), score))
    assert [item.score for item in suppress_masks(objects, 0.59)] == [0.9, 0.7]
    assert [item.score for item in suppress_masks(objects, 0.6)] == [0.9, 0.8, 0.7]
    assert [item.score for item in suppress_masks(objects, None)] == [0.9, 0.8, 0.7]


@pytest.mark.parametrize(
    ('setting', 'said'),
    [
        (dict(score_threshold=1.5), r'score_threshold is a number in \[0, 1\], got 1.5'),
        (dict(score_threshold=None), 'score_threshold is a number'),
        (dict(nms_iou=-0.1), r'nms_iou is a number in \[0, 1\], got -0.1'),
        (dict(max_objects=0), 'max_objects is a whole number of at least 1, got 0'),
        (dict(batch_size=1.5), 'batch_size is a whole number of at least 1, got 1.5'),
        (dict(device='cuda:99'), "device 'cuda:99' cannot be used on this machine"),
    ],
)
def test_settings_out_of_range(config, weights, setting, said) -> None:
    with pytest.raises(ValueError, match=said):
        MMDetMaskSource(config, weights, **setting)


# --- configs and names ------------------------------------------------------------------------


def test_names_come_from_the_checkpoint_first(config, tmp_path) -> None:
    own = ('x', 'y', 'z')
    path = write_weights(config, tmp_path / 'named.pth', meta=dict(dataset_meta=dict(classes=own)))
    assert MMDetMaskSource(config, path).class_names == own
    old = write_weights(config, tmp_path / 'old.pth', meta=dict(CLASSES=own))
    assert MMDetMaskSource(config, old).class_names == own


def test_names_come_from_the_data_set_last(weights) -> None:
    nameless = mask_rcnn(classes=None)
    with pytest.raises(ValueError, match='Neither the checkpoint nor the config names the classes'):
        MMDetMaskSource(nameless, weights)
    nameless.test_dataloader.dataset.datasets[0].type = 'CocoDataset'
    assert MMDetMaskSource(nameless, weights).class_names[:2] == ('person', 'bicycle')


def test_a_detector_of_boxes_is_named(pictures, tmp_path) -> None:
    boxes = mask_rcnn(masks=False)
    source = MMDetMaskSource(boxes, write_weights(boxes, tmp_path / 'boxes.pth'))
    with pytest.raises(ValueError, match=r'finds no masks of objects \(FasterRCNN gives bboxes'):
        source.find(pictures[:1])


def test_configs_that_do_not_fit(config, weights, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'Config none.py does not exist'):
        MMDetMaskSource('none.py', weights)
    part = Config(dict(model=config.model))
    with pytest.raises(ValueError, match='has no test_dataloader: give a whole config'):
        MMDetMaskSource(part, weights)
    blind = mask_rcnn()
    blind.test_dataloader.dataset.datasets[0].pipeline = [dict(type='PackDetInputs')]
    with pytest.raises(ValueError, match='is PackDetInputs, expected LoadImageFromFile'):
        MMDetMaskSource(blind, weights)
    with pytest.raises(CheckpointError, match=r'does not fit FasterRCNN: of .* unexpected'):
        MMDetMaskSource(mask_rcnn(masks=False), weights)


# --- safety -----------------------------------------------------------------------------------


class Payload:
    """Makes a file when it is unpickled by a loader that runs code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_with_code_is_refused_and_not_run(config, tmp_path) -> None:
    trap = tmp_path / 'trap'
    path = write_weights(config, tmp_path / 'evil.pth', meta=dict(hook=Payload(trap)))
    with pytest.raises(RefusedCheckpointError, match='trust_checkpoint=True') as refusal:
        MMDetMaskSource(config, path)
    assert 'mkdir' in str(refusal.value)
    assert not trap.exists()


def test_a_trusted_checkpoint_is_loaded_with_all_it_holds(
    config, source, pictures, tmp_path
) -> None:
    foreign = argparse.Namespace(lr=0.1)
    path = write_weights(config, tmp_path / 'zoo.pth', meta=dict(args=foreign))
    with pytest.raises(RefusedCheckpointError, match=r'argparse\.Namespace'):
        MMDetMaskSource(config, path)
    trusted = MMDetMaskSource(config, path, score_threshold=0.0, trust_checkpoint=True)
    assert plain(trusted.find(pictures[:1])[0]) == plain(source.find(pictures[:1])[0])
    with pytest.raises(CheckpointError, match='does not exist'):
        MMDetMaskSource(config, tmp_path / 'none.pth', trust_checkpoint=True)


def test_without_mmdet_a_sentence_says_how_to_install_it(config, weights, monkeypatch) -> None:
    real = builtins.__import__

    def without_operators(name, *args, **kwargs):
        if name == 'mmcv.ops':
            raise ModuleNotFoundError("No module named 'mmcv._ext'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without_operators)
    with pytest.raises(ImportError, match='run "make detector"') as error:
        MMDetMaskSource(config, weights)
    assert "No module named 'mmcv._ext'" in str(error.value)


def test_nothing_is_left_behind(config, weights, pictures) -> None:
    """Models of this library are built as before, and as if no detector had been there."""
    scopes = dict(DefaultScope._instance_dict)
    MMDetMaskSource(config, weights, score_threshold=0.0).find(pictures[:1])
    assert dict(DefaultScope._instance_dict).keys() == scopes.keys()
    model = init_model(ROOT / 'configs' / 'c2f_shapes.py')
    assert type(model).__name__ == 'C2FSeg'
    assert torch.is_grad_enabled()


# --- the detector that ships ------------------------------------------------------------------


@pytest.fixture(scope='module')
def shipped() -> MMDetMaskSource:
    config, weights = map(str, SHIPPED)
    description = dict(type='MMDetMaskSource', config=config, weights=weights, batch_size=2)
    return MASK_SOURCES.build(description)


def test_the_shipped_detector_finds_objects_of_the_demo_pictures(shipped) -> None:
    truth = json.loads((ROOT / 'demo' / 'data' / 'annotations.json').read_text())
    found_again = total = 0
    images = truth['images'][:4]
    pictures = [
        Picture(np.asarray(Image.open(ROOT / 'demo' / 'data' / image['file_name']).convert('RGB')))
        for image in images
    ]
    together = shipped.find(pictures)
    for image, picture, objects in zip(images, pictures, together, strict=True):
        seen = [
            to_rle(entry['i_segm'], image['height'], image['width'])
            for entry in truth['annotations']
            if entry['image_id'] == image['id']
        ]
        total += len(seen)
        masks = [item.mask for item in objects]
        if masks:
            overlap = np.asarray(coco_mask.iou(masks, seen, [0] * len(seen)))
            found_again += int((overlap.max(axis=0) > 0.5).sum())
        assert plain(shipped.find([picture])[0]) == plain(objects)
    # 4 of 17: the weights have seen three epochs, and many of these objects are mostly hidden.
    assert total == 17
    assert found_again >= 4


def test_an_empty_picture_has_no_object(shipped) -> None:
    empty = Picture(np.full((240, 320, 3), 128, np.uint8))
    assert shipped.find([empty]) == [[]]


def test_a_bare_picture_becomes_whole_objects(shipped) -> None:
    inferencer = AmodalInferencer(ROOT / 'configs' / 'c2f_shapes.py', mask_source=shipped)
    path = ROOT / 'demo' / 'data' / '000000.png'
    (result,) = inferencer(str(path), return_arrays=False)['predictions']
    (found,) = shipped.find([Picture(np.asarray(Image.open(path).convert('RGB')))])
    assert len(result['objects']) == len(found) > 0
    for item, start in zip(result['objects'], found, strict=True):
        assert item['category'] == start.info['category']
        assert item['visible_score'] == pytest.approx(start.score)
        visible, amodal = (coco_mask.area(item[f'{kind}_rle']) for kind in ('visible', 'amodal'))
        assert visible > 0
        assert amodal > 0
