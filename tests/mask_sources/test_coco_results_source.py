"""COCOResultsSource: objects of a file by picture, score and name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from c2fseg.mask_sources import COCOResultsSource, Picture
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import decode_mask, encode_mask

SIZE = (10, 12)
IMAGE = np.zeros((*SIZE, 3), np.uint8)


def square(x: int, y: int) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[y : y + 3, x : x + 3] = 1
    return mask


def write(path: Path, *results: dict) -> Path:
    path.write_text(json.dumps(list(results)))
    return path


def result(image_id, x: int, score: float | None = None, **extra) -> dict:
    scored = {} if score is None else {'score': score}
    return {'image_id': image_id, 'segmentation': encode_mask(square(x, 2)), **scored, **extra}


def test_objects_by_picture_and_score(tmp_path):
    path = write(
        tmp_path / 'results.json',
        result(1, 0, 0.9, category_id=3),
        result(2, 1, 0.4),
        result(1, 4, 0.5, category_id=5),
        result(1, 7),
    )
    source = MASK_SOURCES.build(dict(type='COCOResultsSource', path=path, score_threshold=0.5))
    found = source.find([Picture(IMAGE, name) for name in ('in/000002.png', '3.png', '1.jpg')])
    assert [len(one) for one in found] == [0, 0, 3]
    assert [one.score for one in found[2]] == [0.9, 0.5, 1.0]
    assert [one.info.get('category_id') for one in found[2]] == [3, 5, None]
    for one, x in zip(found[2], (0, 4, 7), strict=True):
        assert (decode_mask(one.mask, *SIZE) == square(x, 2)).all()


def test_pictures_of_one_file_name_in_several_folders(tmp_path):
    path = write(
        tmp_path / 'results.json',
        result(1, 0, file_name='a/frame.png'),
        result(2, 4, file_name='b/frame.png'),
    )
    source = COCOResultsSource(path)

    def columns(name: str) -> list[int]:
        (objects,) = source.find([Picture(IMAGE, name)])
        return [int(np.flatnonzero(decode_mask(one.mask, *SIZE).any(0))[0]) for one in objects]

    assert columns('a/frame.png') == [0]
    assert columns('/data/b/frame.png') == [4]
    assert columns('c/frame.png') == []


def test_annotations_that_do_not_list_a_picture(tmp_path):
    path = tmp_path / 'masks.json'
    images = [{'id': 1, 'file_name': '1.png'}]
    path.write_text(json.dumps({'images': images, 'annotations': []}))
    source = COCOResultsSource(path)
    assert source.find([Picture(IMAGE, '1.png')]) == [[]]
    with pytest.raises(KeyError, match=r'has no picture 2\.png'):
        source.find([Picture(IMAGE, '2.png')])


def test_what_is_wrong_is_named(tmp_path):
    path = write(tmp_path / 'results.json', result(1, 0))
    with pytest.raises(FileNotFoundError, match='No mask file'):
        COCOResultsSource(tmp_path / 'absent.json')
    for threshold in (-0.1, 1.5, '0.5', None):
        with pytest.raises(ValueError, match='score_threshold must be in'):
            COCOResultsSource(path, threshold)
    with pytest.raises(ValueError, match=r'results\.json, object 0 of 1\.png: its mask cannot'):
        COCOResultsSource(path).find([Picture(IMAGE[:5], '1.png')])
