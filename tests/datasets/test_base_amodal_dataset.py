"""Filtering, repeating, seeding and the check of image files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image
from pycocotools import mask as coco_mask
from torch.utils.data import DataLoader

from c2fseg.datasets import SampleDraw
from c2fseg.datasets.record_checks import describe_occlusion, record_files
from c2fseg.registry import DATASETS

ALL = [101, 102, 103, 201, 202, 203]
DRAWS = [
    {'type': 'LoadAmodalMasks'},
    {'type': 'CropObject', 'crop_size': 32, 'enlarge': (1.5, 3.0)},
    {'type': 'ChooseMaskTarget', 'visible_prob': 0.5},
    {'type': 'PackMaskInputs'},
]


def ids(dataset) -> list[int]:
    return [dataset.get_data_info(i)['annotation_id'] for i in range(len(dataset))]


def test_occlusion_range_and_visible_area(build: Callable) -> None:
    # 101 and 201 lie behind others.
    assert ids(build(occlusion_range=(0.05, 0.95))) == [101, 201]
    assert ids(build(occlusion_range=(0, 0.05))) == [102, 103, 202, 203]
    assert ids(build(min_visible_area=2)) == [101, 102, 103, 201, 202]
    with pytest.raises(ValueError, match='no object is left'):
        build(occlusion_range=(0.9, 0.95))


def test_indices_take_the_first_objects_or_named_places(build: Callable) -> None:
    assert ids(build(indices=2)) == [101, 102]
    assert ids(build(indices=[5, 0])) == [203, 101]
    assert ids(build(indices=3, occluded_repeat=2)) == [101, 101, 102, 103]


@pytest.mark.parametrize('serialize', [True, False])
def test_occluded_objects_are_repeated(build: Callable, serialize: bool) -> None:
    dataset = build(occluded_repeat=3, serialize_data=serialize, pipeline=DRAWS)
    assert ids(dataset) == [101, 101, 101, 102, 103, 201, 201, 201, 202, 203]
    assert dataset.get_data_info(-1)['annotation_id'] == 203
    assert dataset[7]['data_samples'].annotation_id == 201
    with pytest.raises(IndexError, match='position 10 in a data set of 10'):
        dataset.get_data_info(10)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'occluded_repeat': 0}, 'occluded_repeat'),
        ({'occluded_repeat': 2, 'test_mode': True}, 'would count twice'),
        ({'min_visible_area': 0}, 'min_visible_area'),
        ({'image_check': 'maybe'}, 'image_check'),
        ({'invalid_masks': 'maybe'}, 'invalid_masks'),
    ],
)
def test_wrong_arguments(build: Callable, arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(**arguments)


def test_a_draw_is_a_function_of_its_seed(build: Callable) -> None:
    dataset = build(pipeline=DRAWS)

    def boxes(seed: int) -> list:
        return dataset[SampleDraw(0, seed)]['data_samples'].crop_boxes.tolist()

    np.random.seed(0)
    first = [boxes(seed) for seed in range(6)]
    np.random.rand(7)
    assert [boxes(seed) for seed in range(6)] == first
    assert len({str(box) for box in first}) > 1
    assert boxes(2**40 + 3) == first[3]  # 32 bits count


def test_worker_processes_do_not_change_the_draws(build: Callable) -> None:
    dataset = build(pipeline=DRAWS)
    draws = [SampleDraw(i % len(dataset), 100 + i) for i in range(8)]
    here = [dataset[draw]['data_samples'].crop_boxes.tolist() for draw in draws]
    loader = DataLoader(dataset, batch_size=2, sampler=draws, num_workers=2, collate_fn=list)
    there = [item['data_samples'].crop_boxes.tolist() for batch in loader for item in batch]
    assert there == here


def test_an_image_is_a_clip_of_one_frame(build: Callable) -> None:
    record = build().get_data_info(0)
    assert record['frame_valid'].tolist() == [True]
    assert record['frame_counted'].tolist() == [True]
    assert record['frame_indices'].tolist() == [0]
    assert 'evaluable_segmentations' not in record
    assert record['sample_idx'] == 0


def coded(area: int) -> dict:
    """A mask of 2 x 3 pixels: the last ``area`` of them in column order."""
    return {'size': [2, 3], 'counts': [6 - area, area]}


@pytest.fixture
def make(build: Callable) -> Callable:
    """``make_record`` of a data set, with two frames of 2 x 3 pixels."""
    dataset = build(invalid_masks='stop')

    def make_record(**changes) -> dict | None:
        arguments = dict(
            file_names=['a.png', 'b.png'], height=2, width=3,
            visible=[coded(1), coded(2)], amodal=[coded(4), coded(2)],
            image_id='v', annotation_id=7, category_id=0, category='c',
        )  # fmt: skip
        return dataset.make_record(**(arguments | changes))

    make_record.dataset = dataset
    return make_record


def test_record_of_a_clip(make: Callable) -> None:
    record = make()
    assert record['occlusion_rate'] == pytest.approx(3 / 6)
    assert record['sample_id'] == 'v_7'
    assert [Path(path).name for path in record['img_paths']] == ['a.png', 'b.png']
    assert record['frame_counted'].tolist() == record['frame_valid'].tolist() == [True, True]
    assert record['frame_indices'].tolist() == [0, 1]
    record = make(frame_valid=[True, False], frame_indices=[5, 8], evaluable=[coded(6)] * 2)
    assert record['frame_counted'].tolist() == [True, False]
    assert record['frame_indices'].tolist() == [5, 8]
    assert [coco_mask.area(mask) for mask in record['evaluable_segmentations']] == [6, 6]
    assert make(frame_counted=[False, True])['frame_counted'].tolist() == [False, True]


def test_rules_on_clips(make: Callable) -> None:
    """A frame may be empty, an object may not; what lies outside is summed over the frames."""
    assert make(visible=[coded(0), coded(1)], amodal=[coded(0), coded(2)]) is not None
    assert make(visible=[coded(0)] * 2) is None
    assert make(amodal=[coded(0)] * 2) is None
    # Frame 0 has 2 pixels outside, frame 1 none: 2 of 8 amodal pixels.
    masks = dict(visible=[coded(4), coded(2)], amodal=[coded(2), coded(6)])
    make.dataset.max_visible_outside = 0.25
    assert make(**masks) is not None
    make.dataset.max_visible_outside = 0.24
    assert make(**masks) is None


def test_messages_of_clips_name_object_and_frame(make: Callable) -> None:
    wrong = [coded(1), {'size': [3, 2], 'counts': [6]}]
    with pytest.raises(ValueError, match=r'^annotation 7 of .*: mask of size'):
        make(visible=wrong)
    with pytest.raises(ValueError, match=r'^track v_7: frame 8: mask of size'):
        make(evaluable=wrong, frame_indices=[7, 8], where='track v_7')


def test_files_of_a_record_are_listed_once() -> None:
    masks = [{'file': 'm.png', 'values': (v,)} for v in (1, 2)]
    record = {'img_paths': ['a.png', 'b.png', 'b.png'], 'visible_segmentations': masks}
    assert record_files(record) == ['a.png', 'b.png', 'm.png']
    assert record_files(record | {'amodal_segmentations': [coded(1)]}) == record_files(record)


def test_hidden_shares_by_hand() -> None:
    line = describe_occlusion([0, 0.04, 0.05, 0.3, 0.96])
    assert line == '< 5 % 40.0%, 5-30 % 20.0%, 30-60 % 20.0%, 60-95 % 0.0%, > 95 % 20.0%'


def test_records_are_small_and_undecoded(build: Callable) -> None:
    dataset = build()
    assert len(dataset.data_bytes) / len(dataset) < 1500
    record = dataset.get_data_info(0)
    assert isinstance(record['amodal_segmentations'][0]['counts'], bytes)


def test_builds_from_a_config_whatever_the_scope(kins_mini: Path) -> None:
    config = {
        'type': 'KINSDataset',
        'ann_file': str(kins_mini / 'kins_v1.json'),
        'pipeline': DRAWS,
        'lazy_init': True,
    }
    dataset = DATASETS.build(dict(config))
    assert len(dataset) == 6
    init_default_scope('c2fseg')
    assert len(DATASETS.build(dict(config))) == 6


class TestImageCheck:
    """One of two pictures is broken."""

    @pytest.fixture
    def root(self, spoil: Callable) -> Path:
        root = spoil(lambda content: None)
        picture = root / 'image_2' / '000008.png'
        picture.write_bytes(picture.read_bytes()[:400])
        return root

    def test_stop_lists_them(self, build: Callable, root: Path) -> None:
        (root / 'image_2' / '000003.png').unlink()
        with pytest.raises(OSError, match='2 of 2 images cannot be used') as caught:
            build(root=root, image_check='stop')
        message = str(caught.value)
        assert '000003.png' in message
        assert '000008.png cannot be read: truncated PNG' in message
        assert 'kins_2020.json' in message

    def test_skip_drops_and_names_them(self, build: Callable, root: Path, notes: list[str]) -> None:
        dataset = build(root=root, image_check='skip')
        assert ids(dataset) == [101, 102, 103]
        assert any('000008.png' in note and '3 objects dropped' in note for note in notes)

    def test_wrong_size_is_found(self, build: Callable, spoil: Callable) -> None:
        root = spoil(lambda content: None)
        content = json.loads((root / 'kins_v1.json').read_text())
        small, large = sorted((root / 'image_2').glob('*.png'), key=lambda p: p.stat().st_size)
        small.write_bytes(large.read_bytes())
        assert content['images'][1]['file_name'] == small.name
        with pytest.raises(OSError, match=r'size \(H, W\) = \(72, 120\).*say \(64, 101\)'):
            build(root=root, image_check='stop')

    def test_pictures_are_read_as_the_pipeline_reads_them(
        self, build: Callable, spoil: Callable
    ) -> None:
        root = spoil(lambda content: None)
        for path in sorted((root / 'image_2').glob('*.png')):
            picture = Image.open(path)
            turned = picture.getexif()
            turned[0x0112] = 6  # orientation: to be turned by a quarter
            picture.save(path, exif=turned)
        with pytest.raises(OSError, match='2 of 2 images cannot be used'):
            build(root=root, image_check='stop')
        ignore = [dict(type='LoadFrames', exif='ignore')]
        assert ids(build(root=root, image_check='stop', pipeline=ignore)) == ALL

    def test_good_images_pass(self, build: Callable) -> None:
        assert ids(build(image_check='stop')) == ALL
