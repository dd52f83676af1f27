"""Own data in COCO layout, D2SA, and data without truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from c2fseg.datasets import CocoAmodalDataset, D2SADataset
from c2fseg.structures import decode_mask
from tests.datasets.coco_files import (
    HIDDEN,
    SEEN,
    WHOLE,
    H,
    W,
    box_mask,
    box_polygon,
    image,
    objects,
    runs,
    write,
    write_pictures,
)

PIPELINE = [
    {'type': 'LoadFrames'},
    {'type': 'LoadAmodalMasks'},
    {'type': 'CropObject', 'crop_size': 32},
    {'type': 'PackAmodalInputs', 'pack_full_masks': True},
]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., CocoAmodalDataset]:
    """Write a file and build a data set on it."""

    def build(content: object, kind: type = CocoAmodalDataset, **arguments) -> CocoAmodalDataset:
        write(tmp_path / 'own.json', content)
        return kind('own.json', data_root=str(tmp_path), serialize_data=False, **arguments)

    return build


def masks(dataset: CocoAmodalDataset, place: int) -> tuple[np.ndarray, np.ndarray]:
    info = dataset.get_data_info(place)
    size = info['height'], info['width']
    kinds = ('visible', 'amodal')
    visible, amodal = (decode_mask(info[f'{kind}_segmentations'][0], *size) for kind in kinds)
    return visible, amodal


def shelf(**changes: object) -> dict:
    """The file with its first annotation changed; None drops a key."""
    content = objects()
    content['annotations'][0].update(changes)
    content['annotations'][0] = {
        key: value for key, value in content['annotations'][0].items() if value is not None
    }
    return content


# --- masks ---------------------------------------------------------------------------------------


def compressed(mask: np.ndarray) -> dict:
    rle = coco_mask.encode(np.asfortranarray(mask))
    return {'size': rle['size'], 'counts': rle['counts'].decode()}


@pytest.mark.parametrize(
    'coded',
    [runs(SEEN), compressed(SEEN), [box_polygon(30, 10, 50, 30)], box_polygon(30, 10, 50, 30)],
)
def test_kinds_of_visible_masks(read: Callable, coded: object) -> None:
    dataset = read(shelf(visible_mask=coded))
    assert dataset.metainfo['classes'] == ('box', 'shelf')
    visible, amodal = masks(dataset, 0)
    assert np.array_equal(visible, SEEN)
    assert np.array_equal(amodal, WHOLE)
    info = dataset.get_data_info(0)
    assert info['occlusion_rate'] == pytest.approx(0.5)
    assert (info['category'], info['category_id'], info['annotation_id']) == ('shelf', 90, 11)
    visible, amodal = masks(dataset, 1)  # absent: unoccluded
    assert np.array_equal(visible, HIDDEN)
    assert np.array_equal(amodal, HIDDEN)


corner = st.tuples(st.integers(0, W * 2), st.integers(0, H * 2)).map(lambda p: [p[0] / 2, p[1] / 2])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(polygons=st.lists(st.lists(corner, min_size=3, max_size=7), min_size=1, max_size=3))
def test_polygons_and_both_kinds_of_rle_are_one_mask(read: Callable, polygons: list) -> None:
    flat = [[side for point in polygon for side in point] for polygon in polygons]
    drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, H, W)))
    kinds = [flat, compressed(drawn), runs(drawn)]
    entries = [
        {'id': number, 'image_id': 7, 'category_id': 3, 'segmentation': kind, 'visible_mask': other}
        for number, (kind, other) in enumerate(zip(kinds, kinds[1:] + kinds[:1]))
    ]
    content = objects(annotations=entries)
    if not drawn.any():
        with pytest.raises(ValueError, match='no object is left'):
            read(content)
        return
    dataset = read(content)
    for place in range(3):
        visible, amodal = masks(dataset, place)
        assert np.array_equal(visible, drawn)
        assert np.array_equal(amodal, drawn)


def test_an_empty_visible_mask_is_a_fully_hidden_object(read: Callable, notes: list[str]) -> None:
    dataset = read(shelf(visible_mask=runs(np.zeros((H, W), np.uint8))))
    assert len(dataset) == 1
    assert any('1 objects: empty visible mask, dropped; first: annotation 11' in n for n in notes)


def test_a_file_without_visible_masks_warns(read: Callable, notes: list[str]) -> None:
    dataset = read(shelf(visible_mask=None))
    assert dataset.get_data_info(0)['occlusion_rate'] == 0
    words = 'no annotation has a visible_mask, so that every object counts as unoccluded'
    assert sum(words in note for note in notes) == 1
    assert not any(words in note for note in notes if 'annotations' in note)
    notes.clear()
    read(objects())
    assert not any(words in note for note in notes)


def test_crowds_are_dropped(read: Callable, notes: list[str]) -> None:
    assert len(read(shelf(iscrowd=1))) == 1
    assert any('iscrowd, dropped' in note for note in notes)


# --- V outside A ---------------------------------------------------------------------------------


def test_v_is_cut_to_a_in_training_never_in_scoring(read: Callable, notes: list[str]) -> None:
    beyond = box_mask(30, 10, 52, 30)  # 40 px of 800 outside A
    content = shelf(visible_mask=runs(beyond))
    assert np.array_equal(masks(read(content), 0)[0], SEEN)
    words = 'visible mask sticks out of the amodal mask, cut to it; first: annotation 11'
    assert any(words in note for note in notes)
    notes.clear()
    assert np.array_equal(masks(read(content, test_mode=True), 0)[0], beyond)
    assert any('sticks out of the amodal mask, kept' in note for note in notes)
    with pytest.raises(ValueError, match=r'annotation 11 .*sticks out'):
        read(content, strict=True)
    assert len(read(content, max_visible_outside=0.02)) == 1


def test_one_percent_outside_is_the_width_of_a_line(read: Callable, notes: list[str]) -> None:
    beyond = SEEN.copy()
    beyond[0, :8] = 1  # 8 of 800 px
    assert np.array_equal(masks(read(shelf(visible_mask=runs(beyond))), 0)[0], beyond)
    assert not any('sticks out' in note for note in notes)
    beyond[0, 8] = 1
    assert np.array_equal(masks(read(shelf(visible_mask=runs(beyond))), 0)[0], SEEN)


def test_v_beside_a_leaves_nothing(read: Callable, notes: list[str]) -> None:
    content = shelf(visible_mask=runs(box_mask(0, 0, 5, 5)))
    assert len(read(content)) == 1
    assert any('cut to it' in note for note in notes)
    assert any('empty visible mask, dropped' in note for note in notes)
    assert len(read(content, test_mode=True)) == 2


# --- boxes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('bbox', 'box', 'warned'),
    [
        (None, [0, 0, 5, 5], False),
        ('visible', [30, 10, 20, 20], False),
        ('visible', [28.0, 12.0, 20.0, 20.0], False),
        ('visible', [30, 10, 22.5, 20], True),
        ('visible', [10, 10, 40, 20], True),
        ('amodal', [10, 10, 40, 20], False),
        ('amodal', [30, 10, 20, 20], True),
    ],
)
def test_declared_boxes_are_compared_and_not_used(
    read: Callable, notes: list[str], bbox: str | None, box: list, warned: bool
) -> None:
    content = shelf(bbox=box)
    content['annotations'][1].pop('bbox')
    dataset = read(content, bbox=bbox)
    assert np.array_equal(masks(dataset, 0)[0], SEEN)
    words = f'1 objects: bbox, declared {bbox}, is more than 2 px off its mask, which counts; first'
    assert any(f'{words}: annotation 11' in note for note in notes) == warned


# --- wrong files ---------------------------------------------------------------------------------

WRONG = [
    ({'segmentation': None}, KeyError, "'segmentation' is missing, found .*visible_mask"),
    ({'image_id': None}, KeyError, "'image_id' is missing"),
    ({'id': 12}, ValueError, 'annotation 12 of .*used twice'),
    ({'image_id': 9}, ValueError, 'no image has the image_id 9'),
    ({'category_id': 4}, ValueError, r'category_id 4 is not among \[3, 90\]'),
    ({'segmentation': 'x'}, TypeError, 'annotation 11 .*RLE dict or a list of polygons, got str'),
    ({'visible_mask': 5}, TypeError, 'annotation 11 .*got int'),
    ({'visible_mask': runs(SEEN.T)}, ValueError, r'\[60, 40\] in an image of size \[40, 60\]'),
    ({'visible_mask': {'size': [H, W], 'counts': [5]}}, ValueError, 'its runs cover 5 pixels'),
    ({'segmentation': [[1, 2, 3, 4]]}, ValueError, 'annotation 11 .*no usable polygon'),
    ({'bbox': [1, 2, 3]}, ValueError, r'bbox is \[x, y, width, height\].*got \[1, 2, 3\]'),
    ({'bbox': [1, 2, -3, 4]}, ValueError, r'bbox .*got \[1, 2, -3, 4\]'),
]


@pytest.mark.parametrize(('changes', 'error', 'words'), WRONG)
def test_wrong_annotations(read: Callable, changes: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        read(shelf(**changes))
    assert 'own.json' in str(caught.value)


@pytest.mark.parametrize(
    ('content', 'error', 'words'),
    [
        ([], TypeError, 'own.json: expected a dict, got list'),
        ({'annotations': []}, KeyError, "own.json: key 'images' is missing"),
        ({'images': [], 'annotations': []}, KeyError, "'categories' is missing"),
        ({'id': 1, 'regions': []}, KeyError, 'looks like COCOA .original., which COCOADataset'),
        (objects(images={}), TypeError, "'images' is a list, got dict"),
        (objects(images=[image(7), image(7)]), ValueError, 'image 7 of .*used twice'),
        (objects(annotations=[{'id': 1, 'i_segm': []}]), KeyError, 'KINS 2020, which KINSDataset'),
        (objects(annotations=[{'id': 1, 'regions': []}]), KeyError, 'which COCOADataset reads'),
        (objects(annotations=[]), ValueError, 'own.json has no annotations'),
    ],
)
def test_wrong_files(read: Callable, content: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        read(content)


def test_missing_file_and_wrong_arguments(tmp_path: Path, read: Callable) -> None:
    with pytest.raises(FileNotFoundError, match=r'CocoAmodalDataset: .*gone\.json'):
        CocoAmodalDataset('gone.json', data_root=str(tmp_path))
    with pytest.raises(ValueError, match=r'bbox is one of .* got .modal.'):
        read(objects(), bbox='modal')
    with pytest.raises(ValueError, match='set test_mode=True'):
        read(objects(), inference=True)
    with pytest.raises(ValueError, match="bbox is 'visible' or None"):
        read(objects(), inference=True, test_mode=True, bbox='amodal')
    with pytest.raises(ValueError, match='occlusion_range'):
        read(objects(), inference=True, test_mode=True, occlusion_range=(0, 1))


# --- inference -----------------------------------------------------------------------------------


def test_inference_needs_no_amodal_mask(read: Callable, tmp_path: Path) -> None:
    write_pictures(tmp_path, 'a.png')
    content = shelf(segmentation=None)
    pipeline = [*PIPELINE[:3], {'type': 'PackAmodalInputs'}]
    dataset = read(content, inference=True, test_mode=True, bbox='visible', pipeline=pipeline)
    assert len(dataset) == 2  # the second has a segmentation alone, so it is not occluded
    assert 'amodal_segmentations' not in dataset.get_data_info(0)
    item = dataset[0]
    # Columns 30 to 50, rows 10 to 30, twice as large, the image ends at row 40.
    assert item['data_samples'].crop_boxes.tolist() == [[20, 0, 60, 40]]
    assert item['inputs']['visible_mask'].shape == (1, 1, 32, 32)
    assert 'gt_crop_masks' not in item['data_samples']
    assert np.isnan(item['data_samples'].occlusion_rate)
    for entry in content['annotations']:
        entry.pop('segmentation', None)
    with pytest.raises(KeyError, match=r"annotation 12 of .*'visible_mask' is missing"):
        read(content, inference=True, test_mode=True)


def test_inference_cannot_be_scored(read: Callable, tmp_path: Path) -> None:
    write_pictures(tmp_path, 'a.png')
    dataset = read(objects(), inference=True, test_mode=True, pipeline=PIPELINE)
    with pytest.raises(ValueError, match=r'annotation 11 .*no amodal mask.*pack_full_masks=False'):
        dataset[0]


def test_inference_drops_what_is_not_visible(read: Callable, notes: list[str]) -> None:
    content = shelf(visible_mask=[], segmentation=None)
    assert len(read(content, inference=True, test_mode=True)) == 1
    assert any('empty visible mask, dropped; first: annotation 11' in note for note in notes)
    assert any('1 objects, without amodal masks' in note for note in notes)


# --- D2SA ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('mask', 'leaves'),
    [
        ([box_polygon(30, 10, 75, 30)], True),
        (box_polygon(30, 10, 60, 47), True),
        ([box_polygon(-5, 10, 20, 30), box_polygon(0, 0, 5, 5)], True),
        ([box_polygon(30, 10, 60.5, 40)], False),
        ([box_polygon(30, 10, 50, 30), ['x', 'y'], [90, 90]], False),
        (runs(WHOLE), False),
    ],
)
def test_objects_beyond_the_picture_are_cut(
    read: Callable, notes: list[str], mask: object, leaves: bool
) -> None:
    dataset = read(shelf(segmentation=mask, visible_mask=None), D2SADataset)
    words = '1 objects: continues beyond the picture, cut off there; first: annotation 11'
    assert any(words in note for note in notes) == leaves
    assert masks(dataset, 0)[1].shape == (H, W)
    if mask == [box_polygon(30, 10, 75, 30)]:
        assert np.array_equal(masks(dataset, 0)[1], box_mask(30, 10, W, 30))


def test_an_object_wholly_beyond_the_picture_is_dropped(read: Callable, notes: list[str]) -> None:
    content = shelf(segmentation=[box_polygon(70, 10, 90, 30)], visible_mask=None)
    assert len(read(content, D2SADataset)) == 1
    assert any('empty amodal mask, dropped' in note for note in notes)


@pytest.mark.parametrize('key', ['annotations', 'categories'])
def test_test_info_serves_inference_alone(read: Callable, tmp_path: Path, key: str) -> None:
    """The file has no annotations; the objects are those of a detector."""
    content = objects(annotations=[])
    content.pop(key)
    content.setdefault('annotations', [])
    if key == 'annotations':
        content.pop(key)
    if key == 'categories':
        content.pop('annotations')
    for test_mode in (False, True):
        with pytest.raises(ValueError, match='has no annotations: no object is left to train on'):
            read(content, D2SADataset, test_mode=test_mode)
    arguments = dict(inference=True, test_mode=True)
    with pytest.raises(ValueError, match='no object is left'):
        read(content, D2SADataset, **arguments)
    found = [
        {'image_id': 8, 'category_id': 90, 'score': 0.9, 'segmentation': compressed(SEEN)},
        {'image_id': 7, 'category_id': 3, 'score': 0.8, 'segmentation': compressed(HIDDEN)},
        {'image_id': 7, 'category_id': 3, 'score': 0.1, 'segmentation': compressed(WHOLE)},
    ]
    (tmp_path / 'found.json').write_text(json.dumps(found))
    arguments |= dict(visible_mask_file='found.json', visible_min_score=0.5)
    dataset = read(content, D2SADataset, pipeline=PIPELINE[1:2], **arguments)
    assert [dataset.get_data_info(i)['image_id'] for i in range(len(dataset))] == [8, 7]
    assert dataset.get_data_info(0)['category'] == ('object' if key == 'categories' else 'shelf')
    assert np.array_equal(dataset[0]['visible_mask'][0], SEEN)
    assert np.array_equal(dataset[1]['visible_mask'][0], HIDDEN)
    assert 'gt_amodal_mask' not in dataset[0]
