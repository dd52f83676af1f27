"""KINS files of both flavours, whole and broken."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from c2fseg.datasets import KINSDataset
from c2fseg.structures import decode_mask


def annotation(content: dict, number: int) -> dict:
    return next(entry for entry in content['annotations'] if entry['id'] == number)


@pytest.mark.parametrize(
    ('ann_file', 'name'), [('kins_2020.json', 'KINS 2020'), ('kins_v1.json', 'KINS v1')]
)
def test_both_flavours_give_the_same_objects(build: Callable, ann_file: str, name: str) -> None:
    dataset = build(ann_file)
    assert dataset.metainfo['flavour'] == name
    assert dataset.metainfo['classes'] == ('pedestrian', 'car')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['sample_id'] for info in infos] == [
        '11_101', '11_102', '11_103', '12_201', '12_202', '12_203'
    ]  # fmt: skip
    car = infos[0]
    assert car['img_paths'][0].endswith('image_2/000003.png')  # id 11: not the number of the file
    assert (car['height'], car['width']) == (72, 120)
    assert (car['category'], car['category_id']) == ('car', 4)
    assert car['frame_valid'].tolist() == [True]
    # The car covers 60 x 30 px, the pedestrian hides 14 x 30 of them.
    assert car['occlusion_rate'] == pytest.approx(14 * 30 / (60 * 30))
    visible = decode_mask(car['visible_segmentations'][0], 72, 120)
    amodal = decode_mask(car['amodal_segmentations'][0], 72, 120)
    expected = np.zeros((72, 120), np.uint8)
    expected[20:50, 20:80] = 1
    assert np.array_equal(amodal, expected)
    expected[:, 50:64] = 0
    assert np.array_equal(visible, expected)
    assert decode_mask(infos[5]['visible_segmentations'][0], 64, 101).sum() == 1


def test_the_name_of_the_file_does_not_matter(build: Callable, spoil: Callable) -> None:
    root = spoil(lambda content: None)
    (root / 'kins_v1.json').rename(root / 'update_train_2020.json')
    assert build('update_train_2020.json', root).metainfo['flavour'] == 'KINS v1'


def expect(build: Callable, spoil: Callable, error: type, words: str, change: Callable,
           ann_file: str = 'kins_2020.json') -> str:  # fmt: skip
    root = spoil(change, ann_file)
    with pytest.raises(error, match=words) as caught:
        build(ann_file, root)
    message = str(caught.value)
    assert ann_file in message
    return message


@pytest.mark.parametrize('key', ['a_segm', 'i_segm', 'image_id', 'category_id', 'id'])
def test_missing_key(build: Callable, spoil: Callable, key: str) -> None:
    def change(content: dict) -> None:
        del annotation(content, 102)[key]

    message = expect(build, spoil, KeyError, f'key .{key}.* is missing', change)
    assert 'KINS 2020' in message
    assert "'oco_id'" in message  # the keys that are there
    assert ('annotation 102' in message) == (key != 'id')


def test_v1_without_visible_masks_is_not_taken_as_unoccluded(
    build: Callable, spoil: Callable
) -> None:
    def change(content: dict) -> None:
        for entry in content['annotations']:
            del entry['inmodal_seg']

    message = expect(build, spoil, KeyError, 'inmodal_seg', change, 'kins_v1.json')
    assert 'annotation 101' in message
    assert 'without visible masks' in message


@pytest.mark.parametrize(('key', 'look'), [('regions', 'COCOA'), ('visible_mask', 'COCOA-cls')])
def test_other_data_sets_are_recognised(
    build: Callable, spoil: Callable, key: str, look: str
) -> None:
    def change(content: dict) -> None:
        content['annotations'] = [{'id': 7, 'image_id': 11, 'category_id': 4, key: []}]

    message = expect(build, spoil, KeyError, look, change)
    assert 'annotation 7' in message


def test_mixed_flavours(build: Callable, spoil: Callable) -> None:
    def change(content: dict) -> None:
        annotation(content, 103)['inmodal_seg'] = []

    message = expect(build, spoil, ValueError, 'mixes two flavours', change)
    assert 'annotation 103' in message


def set_value(number: int, key: str, value: object) -> Callable:
    def change(content: dict) -> None:
        annotation(content, number)[key] = value

    return change


@pytest.mark.parametrize(
    ('key', 'value', 'error', 'words'),
    [
        ('id', 101, ValueError, 'used twice'),
        ('image_id', 99, ValueError, 'no image has the image_id 99'),
        ('category_id', 3, ValueError, r'category_id 3 is not among \[2, 4\]'),
        ('a_bbox', [1, 2, 3], ValueError, r'a_bbox is .* got \[1, 2, 3\]'),
        ('i_bbox', [1, 2, -3, 4], ValueError, r'i_bbox .* got \[1, 2, -3, 4\]'),
        ('i_bbox', 'wide', ValueError, 'got wide'),
        ('i_bbox', [1, 2, '3', '4'], ValueError, 'i_bbox .* got'),
        ('image_id', [11], TypeError, r'image_id is a number, got \[11\]'),
        ('category_id', None, TypeError, 'category_id is a number, got None'),
        ('i_segm', [[1, 2, 3, 4]], ValueError, 'no usable polygon'),
        ('a_segm', 'polygon', TypeError, 'RLE dict or a list'),
        ('a_segm', {'size': [120, 72], 'counts': [8640]}, ValueError, r'\[120, 72\].*\[72, 120\]'),
        ('i_segm', {'size': [72, 120], 'counts': [3]}, ValueError, 'cover 3 pixels'),
    ],
)
def test_wrong_value(
    build: Callable, spoil: Callable, key: str, value: object, error: type, words: str
) -> None:
    message = expect(build, spoil, error, words, set_value(102, key, value))
    assert f'annotation {value if key == "id" else 102} of' in message


@pytest.mark.parametrize(
    ('change', 'error', 'words'),
    [
        (lambda content: [1, 2], TypeError, 'expected a dict, got list'),
        (lambda content: {'images': []}, KeyError, "'annotations' is missing"),
        (lambda content: content | {'annotations': {}}, TypeError, "'annotations' is a list"),
        (lambda content: content | {'annotations': [5]}, TypeError, 'is a dict, got int'),
        (lambda content: content | {'annotations': []}, ValueError, 'no object is left'),
        (
            lambda content: content['images'][0].pop('height') and None,
            KeyError,
            r'image 11.*height',
        ),
        (
            lambda content: content['images'].append(dict(content['images'][0])),
            ValueError,
            'image 11 of .*used twice',
        ),
        (
            lambda content: content['categories'].append({'id': 2, 'name': 'other'}),
            ValueError,
            'category 2 of .*used twice',
        ),
        (
            lambda content: content['images'][0].update(height='72'),
            ValueError,
            "image 11 of .*height is a whole number .* got '72'",
        ),
        (
            lambda content: content['images'][0].update(width=0),
            ValueError,
            'image 11 of .*width is a whole number .* got 0',
        ),
        (
            lambda content: content['categories'][0].update(id=[2]),
            TypeError,
            r'an id is a number, got \[2\]',
        ),
        (lambda content: content['categories'][1].pop('name') and None, KeyError, 'category 4'),
    ],
)
def test_wrong_file(
    build: Callable, spoil: Callable, change: Callable, error: type, words: str
) -> None:
    expect(build, spoil, error, words, change)


def test_missing_file_and_no_json(build: Callable, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'KINSDataset.*nowhere\.json'):
        build('nowhere.json')
    (tmp_path / 'half.json').write_text('{"images": [')
    with pytest.raises(ValueError, match=r'half\.json is not JSON'):
        KINSDataset(str(tmp_path / 'half.json'))


def test_empty_visible_mask_is_dropped_counted_and_named_once(
    build: Callable, spoil: Callable, notes: list[str]
) -> None:
    def change(content: dict) -> None:
        for number in (101, 102):
            annotation(content, number).update(i_segm=[], i_bbox=[0, 0, 0, 0])
        annotation(content, 201).update(
            a_segm={'size': [64, 101], 'counts': [6464]}, a_bbox=[0, 0, 0, 0]
        )

    root = spoil(change)
    dataset = build(root=root)
    assert [dataset.get_data_info(i)['annotation_id'] for i in range(3)] == [103, 202, 203]
    notes = [note for note in notes if ' objects: empty' in note]
    assert len(notes) == 2
    assert any('2 objects: empty visible mask, dropped; first: annotation 101' in n for n in notes)
    assert any('1 objects: empty amodal mask, dropped; first: annotation 201' in n for n in notes)
    with pytest.raises(ValueError, match=r'annotation 101 of .*json: empty visible mask'):
        build(root=root, strict=True)


def test_visible_outside_amodal(build: Callable, spoil: Callable) -> None:
    """The pedestrian's whole is cut to the upper half, its visible part stays."""
    root = spoil(set_value(102, 'a_segm', [[50, 10, 64, 10, 64, 35, 50, 35]]))
    assert len(build(root=root)) == 6
    assert len(build(root=root, max_visible_outside=0.01)) == 5
    assert len(build(root=root, max_visible_outside=1.5)) == 6
    with pytest.raises(ValueError, match=r'annotation 102 .*sticks out'):
        build(root=root, strict=True)


def test_unreadable_mask_may_be_skipped(build: Callable, spoil: Callable, notes: list[str]) -> None:
    root = spoil(set_value(102, 'i_segm', [[1, 2, 3, 4]]))
    assert len(build(root=root, invalid_masks='skip')) == 5
    assert any('unreadable mask, dropped; first: annotation 102' in note for note in notes)


def test_crowds_are_dropped(build: Callable, spoil: Callable) -> None:
    assert len(build(root=spoil(set_value(103, 'iscrowd', 1)))) == 5


def test_shapes_files_are_kins_files(build: Callable, kins_mini) -> None:
    """Masks of both flavours may be RLE or polygons."""
    content = json.loads((kins_mini / 'kins_v1.json').read_text())
    assert isinstance(content['annotations'][0]['inmodal_seg'], dict)
    content = json.loads((kins_mini / 'kins_2020.json').read_text())
    assert isinstance(content['annotations'][0]['i_segm'], list)
