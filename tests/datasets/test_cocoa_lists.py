"""The lists and pickles of the published release for COCOA, on files written as described."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from c2fseg.datasets import COCOAListDataset
from c2fseg.structures import encode_mask
from tests.datasets.lists import (
    FIRST,
    H,
    W,
    masks_of,
    record,
    rectangle,
    rle,
    write_picture,
)


@pytest.fixture
def cocoa(tmp_path: Path) -> Path:
    names = ['COCO_val2014_000000000042.jpg', 'COCO_val2014_000000000123.jpg']
    for name in names:
        write_picture(tmp_path / 'val2014' / name, (200, 100, 50))
    images = [
        {'id': number, 'file_name': name, 'width': W, 'height': H}
        for number, name in zip((42, 123), names)
    ]
    text = {'size': [H, W], 'counts': encode_mask(rectangle(4, 4, 20, 12))['counts']}
    part = {'size': [H, W], 'counts': encode_mask(rectangle(4, 4, 12, 12))['counts']}
    annotations = [
        {'id': 900, 'image_id': 42, 'category_id': 90, 'segmentation': text, 'bbox': [4, 4, 16, 8]},
        {'id': 901, 'image_id': 123, 'category_id': 90, 'segmentation': text,
         'visible_mask': part, 'bbox': [4.0, 4.0, 16.0, 8.0]},
    ]  # fmt: skip
    content = {'images': images, 'annotations': annotations}
    content['categories'] = [{'id': 90, 'name': 'toothbrush'}]
    (tmp_path / 'classes.json').write_text(json.dumps(content))
    fusion = {'aisformer_123': [record(FIRST, rle, occlude_rate=0.5)]}
    (tmp_path / 'fusion.pkl').write_bytes(pickle.dumps(fusion, protocol=2))
    lines = ['1,/home/me/COCO/val2014/' + names[1], 'aisformer,123,0', '0,D:\\coco\\' + names[0]]
    (tmp_path / 'test.txt').write_text('\n'.join(lines))
    return tmp_path


def open_cocoa(root: Path, **changes: Any) -> COCOAListDataset:
    arguments = {
        'ann_file': 'test.txt',
        'data_root': str(root),
        'data_prefix': {'img': 'val2014'},
        'pickle_file': 'fusion.pkl',
        'annotation_file': 'classes.json',
    }
    return COCOAListDataset(**{**arguments, **changes})


class TestCocoa:
    def test_both_kinds_of_lines(self, cocoa: Path) -> None:
        dataset = open_cocoa(cocoa, pipeline=[{'type': 'LoadFrames'}])
        hidden, predicted, whole = (dataset.get_data_info(i) for i in range(3))
        assert [hidden['annotation_id'], whole['annotation_id']] == [901, 900]
        assert hidden['occlusion_rate'] == pytest.approx(0.5)
        assert whole['occlusion_rate'] == 0  # no visible mask: V = A
        assert hidden['window_boxes'].tolist() == [[4, 4, 20, 12]]  # the amodal box
        assert predicted['image_id'] == 123
        assert Path(predicted['img_paths'][0]).name == 'COCO_val2014_000000000123.jpg'
        assert np.array_equal(masks_of(predicted, 'visible'), rectangle(*FIRST[1]))
        assert np.array_equal(masks_of(predicted, 'amodal'), rectangle(*FIRST[2]))
        assert dataset[1]['img'].shape == (1, H, W, 3)

    def test_template_of_the_training_split(self, cocoa: Path) -> None:
        dataset = open_cocoa(cocoa, image_template='COCO_train2014_{:012d}.jpg')
        name = Path(dataset.get_data_info(1)['img_paths'][0]).name
        assert name == 'COCO_train2014_000000000123.jpg'

    @pytest.mark.parametrize(
        ('line', 'error', 'words'),
        [
            ('5,COCO_val2014_000000000042.jpg', IndexError, 'line 1 of .*has 2 ann.*place 5'),
            ('0,COCO_val2014_000000000123.jpg', ValueError, 'lies in COCO_val2014_000000000042'),
            ('0', ValueError, 'expected ann,path or name,img,pos'),
            ('0,my pictures/a.jpg', ValueError, 'without white space'),
            ('a,b,c,d', ValueError, 'expected ann,path'),
            ('x,a.jpg', ValueError, 'the place of the annotation is a whole number'),
            ('aisformer,123,4', IndexError, r"record 4 of 'aisformer_123'"),
            ('aisformer,42,0', KeyError, "no key 'aisformer_42'"),
        ],
    )  # fmt: skip
    def test_wrong_lines(self, cocoa: Path, line: str, error: type, words: str) -> None:
        (cocoa / 'test.txt').write_text(line)
        with pytest.raises(error, match=words):
            open_cocoa(cocoa)
