"""Filtering, repeating, seeding and the check of image files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image
from torch.utils.data import DataLoader

from c2fseg.datasets import SampleDraw
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
