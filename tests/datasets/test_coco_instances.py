"""Whole objects of ordinary instance files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from c2fseg.datasets import CocoInstanceDataset
from c2fseg.registry import DATASETS
from c2fseg.structures import decode_mask

from .photographs import OBJECTS, H, W, instances, write_photographs


def build(root: Path, **arguments) -> CocoInstanceDataset:
    return DATASETS.build(instances(root, **arguments))


def taken(dataset: CocoInstanceDataset) -> list[int]:
    return [dataset.get_data_info(i)['annotation_id'] for i in range(len(dataset))]


def test_whole_objects_are_taken_and_the_others_counted(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    dataset = build(tmp_path)
    assert taken(dataset) == [1, 6]
    assert dict(dataset.notes.counts) == {
        'cut by the border of the picture, dropped': 1,
        'fewer than 400 pixels, dropped': 1,
        'touched by others, dropped': 2,
    }
    record = dataset.get_data_info(0)
    mask = decode_mask(record['amodal_segmentations'][0], H, W)
    x0, y0, x1, y1 = OBJECTS[1][1]
    assert mask.sum() == mask[y0:y1, x0:x1].sum() == (x1 - x0) * (y1 - y0)
    assert np.array_equal(mask, decode_mask(record['visible_segmentations'][0], H, W))
    assert (record['category'], record['occlusion_rate']) == ('crate', 0)


@pytest.mark.parametrize(
    ('rules', 'expected'),
    [
        ({'border_margin': None}, [1, 2, 6]),
        # The neighbour covers 3 x 40 px of a band of 46 x 46 - 40 x 40 = 516.
        ({'max_contact': 0.24}, [1, 4, 5, 6]),
        ({'max_contact': 0.22}, [1, 6]),
    ],
)
def test_rules(tmp_path: Path, rules: dict, expected: list[int]) -> None:
    write_photographs(tmp_path)
    assert taken(build(tmp_path, whole=rules)) == expected


def change(file: Path, number: int, **values) -> None:
    content = json.loads(file.read_text())
    next(a for a in content['annotations'] if a['id'] == number).update(values)
    file.write_text(json.dumps(content))


def test_crowds_are_no_objects_but_touch_others(tmp_path: Path) -> None:
    file = write_photographs(tmp_path)
    change(file, 5, iscrowd=1)
    dataset = build(tmp_path)
    assert taken(dataset) == [1, 6]
    assert dataset.notes.counts['touched by others, dropped'] == 1
    assert dataset.notes.counts['iscrowd, dropped'] == 1


def test_masks_of_a_detector_are_matched(tmp_path: Path) -> None:
    file = write_photographs(tmp_path)
    first = json.loads(file.read_text())['annotations'][0]
    keys = ('image_id', 'category_id', 'segmentation')
    results = [{**{key: first[key] for key in keys}, 'score': 0.9}]
    (tmp_path / 'results.json').write_text(json.dumps(results))
    dataset = build(tmp_path, visible_mask_file='results.json')
    assert taken(dataset) == [1]
    assert dataset.image_sizes[first['image_id']] == (H, W)


def test_objects_in_pieces_are_hidden_by_something(tmp_path: Path) -> None:
    file = write_photographs(tmp_path)
    pieces = [[30, 20, 60, 20, 60, 60, 30, 60], [80, 20, 90, 20, 90, 60, 80, 60]]
    change(file, 6, segmentation=pieces)
    assert taken(build(tmp_path)) == [1]


def test_an_unreadable_mask_stops_or_is_skipped(tmp_path: Path) -> None:
    file = write_photographs(tmp_path)
    change(file, 5, segmentation=[[1, 2]])
    with pytest.raises(ValueError, match=r'annotation 5 of .*instances\.json'):
        build(tmp_path)
    assert taken(build(tmp_path, invalid_masks='skip')) == [1, 4, 6]


def test_arguments_out_of_range(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    with pytest.raises(ValueError, match='min_area is at least 1'):
        build(tmp_path, min_area=0)
    with pytest.raises(ValueError, match='max_contact'):
        build(tmp_path, whole={'max_contact': 2})
