"""What kind of annotation file it is, from its keys alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from c2fseg.datasets.flavours import (
    COCO_VISIBLE,
    COCOA_ORIGINAL,
    KINS_2020,
    KINS_V1,
    PLAIN_COCO,
    UNLABELLED,
    dataset_type_of,
    describe_look,
    detect_flavour,
)


def coco(*annotations: dict) -> dict:
    return {'images': [], 'categories': [], 'annotations': [*annotations]}


CASES = [
    (coco({'id': 1, 'a_segm': []}), KINS_2020),
    (coco({'id': 1, 'i_segm': []}), KINS_2020),
    (coco({'id': 1, 'segmentation': [], 'i_bbox': []}), KINS_2020),
    (coco({'id': 1, 'segmentation': [], 'inmodal_seg': {}}), KINS_V1),
    (coco({'id': 1, 'segmentation': [], 'inmodal_bbox': []}), KINS_V1),
    (coco({'id': 1, 'regions': []}), COCOA_ORIGINAL),
    ({'id': 1, 'image_id': 2, 'regions': []}, COCOA_ORIGINAL),
    (coco({'id': 1, 'segmentation': []}, {'id': 2, 'visible_mask': {}}), COCO_VISIBLE),
    (coco({'id': 1, 'invisible_mask': {}}), COCO_VISIBLE),
    (coco({'id': 1, 'segmentation': [], 'bbox': []}), PLAIN_COCO),
    (coco(), UNLABELLED),
    ({'images': [], 'categories': []}, UNLABELLED),
]


@pytest.mark.parametrize(('content', 'flavour'), CASES)
def test_flavour_comes_from_keys(content: dict, flavour: object) -> None:
    assert detect_flavour(content, 'some.json') is flavour


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('a_segm', 'inmodal_seg'),
        ('i_segm', 'visible_mask'),
        ('inmodal_seg', 'regions'),
        ('regions', 'invisible_mask'),
    ],
)
@pytest.mark.parametrize('together', [True, False])
def test_mixed_flavours_are_refused(one: str, other: str, together: bool) -> None:
    entries = [{'id': 5, one: []}, {'id': 6, other: []}]
    if together:
        entries = [{'id': 5, one: [], other: []}]
    second = 5 if together else 6
    words = rf'x\.json mixes two flavours: .{one}. .*annotation 5, .{other}. .*annotation {second}'
    with pytest.raises(ValueError, match=words):
        detect_flavour(coco(*entries), 'x.json')


@pytest.mark.parametrize(
    ('content', 'error', 'words'),
    [
        ([{'image_id': 1}], TypeError, 'x.json: expected a dict, got list .a list of results'),
        (5, TypeError, 'expected a dict, got int$'),
        ({'info': {}}, KeyError, "'annotations' is missing, found ..info"),
        ({'annotations': {}}, TypeError, "'annotations' is a list, got dict"),
        (coco({'id': 1}, [1, 2]), TypeError, 'annotation .not a dict. is a dict, got list'),
    ],
)
def test_what_is_no_annotation_file(content: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        detect_flavour(content, 'x.json')


def test_dataset_class_of_a_file(tmp_path: Path) -> None:
    def kind(content: object, name: str = 'a.json') -> str:
        (tmp_path / name).write_text(json.dumps(content))
        return dataset_type_of(tmp_path / name)

    masked = {'id': 1, 'segmentation': [], 'visible_mask': {}}
    hidden = {**masked, 'invisible_mask': {}}
    groceries = {'categories': [{'id': number, 'name': 'x'} for number in range(1, 61)]}
    assert kind(CASES[0][0]) == 'KINSDataset'
    assert kind(CASES[3][0]) == 'KINSDataset'
    assert kind(CASES[6][0]) == 'COCOADataset'
    assert kind(coco(masked)) == 'CocoAmodalDataset'
    assert kind(coco(hidden)) == 'COCOADataset'
    assert kind(coco(hidden) | groceries) == 'D2SADataset'
    assert kind({'images': []} | groceries) == 'D2SADataset'
    assert kind(coco()) == 'CocoAmodalDataset'
    # The name says nothing.
    assert kind(coco(masked), 'update_train_2020.json') == 'CocoAmodalDataset'


def test_dataset_class_of_a_folder_and_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='holds no JSON file'):
        dataset_type_of(tmp_path)
    (tmp_path / '1.json').write_text(json.dumps(CASES[6][0]))
    assert dataset_type_of(tmp_path) == 'COCOADataset'
    with pytest.raises(FileNotFoundError, match=r'annotation file not found: .*2\.json'):
        dataset_type_of(tmp_path / '2.json')
    (tmp_path / '2.json').write_text('{"images": ')
    with pytest.raises(ValueError, match=r'2\.json is not JSON'):
        dataset_type_of(tmp_path / '2.json')


def test_look_of_an_annotation() -> None:
    assert describe_look({'regions': []}) == 'COCOA (original), which COCOADataset reads'
    assert describe_look({'a_bbox': []}) == 'KINS 2020, which KINSDataset reads'
    assert 'CocoAmodalDataset' in describe_look({'visible_mask': []})
    assert 'without visible masks' in describe_look({'segmentation': []})
    assert describe_look({'id': 1}) == ''
