"""Pictures are read once for all of their objects, and nobody can spoil what others are given."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from torch.utils.data import DataLoader

from c2fseg.datasets import SampleDraw
from c2fseg.datasets.picture_cache import PictureCache
from c2fseg.datasets.transforms import LoadFrames
from c2fseg.datasets.transforms import loading as loading_module
from c2fseg.engine import ResumableInfiniteSampler
from c2fseg.registry import DATASETS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are read, in their order."""
    found: list[str] = []
    reader = loading_module.read_rgb

    def counting(path: str, *args: Any) -> np.ndarray:
        found.append(Path(path).name)
        return reader(path, *args)

    monkeypatch.setattr(loading_module, 'read_rgb', counting)
    return found


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    names = [str(tmp_path / f'{number}.png') for number in range(4)]
    for number, name in enumerate(names):
        Image.new('RGB', (6, 4), (number, 10 * number, 77)).save(name)
    return names


def load(step: LoadFrames, *names: str) -> np.ndarray:
    return step({'img_paths': list(names), 'height': 4, 'width': 6})['img']


def test_the_last_pictures_are_kept(paths: list[str], reads: list[str]) -> None:
    step = LoadFrames(cache_size=2)
    for place in (0, 0, 1, 0, 2, 0, 1):
        image = load(step, paths[place])
        assert image.shape == (1, 4, 6, 3)
        assert image[0, 2, 2].tolist() == [place, 10 * place, 77]
    # 1 was the longest unused when 2 came.
    assert reads == ['0.png', '1.png', '2.png', '1.png']


def test_no_cache(paths: list[str], reads: list[str]) -> None:
    step = LoadFrames(cache_size=0)
    for _ in range(3):
        load(step, paths[0])
    assert len(reads) == 3
    with pytest.raises(ValueError, match='cache_size is a number of pictures'):
        LoadFrames(cache_size=-1)


def test_a_shared_picture_cannot_be_written_to(paths: list[str]) -> None:
    step = LoadFrames()
    image = load(step, paths[1])
    with pytest.raises(ValueError, match='read-only'):
        image[:] = 0
    turned = load(LoadFrames(channel_order='bgr'), paths[1])
    with pytest.raises(ValueError, match='read-only'):
        turned[:] = 0
    clip = load(step, paths[1], paths[2])
    clip[:] = 0  # a clip is a copy
    assert load(step, paths[1])[0, 0, 0].tolist() == [1, 10, 77]


def test_a_file_that_changes_is_read_again(paths: list[str]) -> None:
    step = LoadFrames()
    load(step, paths[0])
    Image.new('RGB', (6, 4), (99, 98, 97)).save(paths[0])
    os.utime(paths[0], ns=(1, 1))
    assert load(step, paths[0])[0, 0, 0].tolist() == [99, 98, 97]
    os.unlink(paths[0])
    with pytest.raises(FileNotFoundError, match=r'0\.png'):
        load(step, paths[0])


def test_a_copy_for_another_process_is_empty(paths: list[str]) -> None:
    cache = PictureCache(3)
    for path in paths[:2]:
        cache.get(path, lambda name: np.asarray(Image.open(name)).copy())
    assert len(cache._kept) == 2
    assert len(pickle.dumps(cache)) < 300
    assert pickle.loads(pickle.dumps(cache)).size == 3


@pytest.mark.parametrize('split', ['train', 'val'])
def test_each_picture_of_kins_is_read_once(kins_mini: Path, reads: list[str], split: str) -> None:
    """Six objects of two pictures go through the whole pipeline of the config."""
    loader = Config.fromfile(ROOT / 'configs/_base_/datasets/kins.py')[f'{split}_dataloader']
    loader.dataset.update(
        data_root=str(kins_mini), ann_file='kins_2020.json', data_prefix={'img': 'image_2'}
    )
    dataset = DATASETS.build(loader.dataset)
    draws: Any = range(len(dataset))
    if split == 'train':
        settings = {key: value for key, value in loader.sampler.items() if key != 'type'}
        sampler = ResumableInfiniteSampler(dataset, seed=3, **settings)
        draws = [draw for draw, _ in zip(sampler, range(len(dataset)))]
    names = [dataset[draw]['data_samples'].sample_id for draw in draws]
    assert len(set(names)) == 6
    assert sorted(reads) == ['000003.png', '000008.png']


def test_what_a_pipeline_gives_does_not_depend_on_the_cache(
    build: Callable, kins_mini: Path
) -> None:
    steps = [
        {'type': 'LoadAmodalMasks'},
        {'type': 'CropObject', 'crop_size': 48, 'enlarge': (1.5, 3.0)},
        {'type': 'PerturbVisibleMask'},
        {'type': 'FlipObject'},
        {'type': 'PackAmodalInputs'},
    ]
    draws = [SampleDraw(place % 6, place) for place in (0, 1, 2, 0, 3, 4, 1, 5, 0)]
    found = []
    for size in (0, 4):
        pipeline = [{'type': 'LoadFrames', 'cache_size': size}, *steps]
        dataset = build(pipeline=pipeline)
        found.append([dataset[draw]['inputs']['img'] for draw in draws])
    assert all(np.array_equal(*pair) for pair in zip(*found))
    loader = DataLoader(dataset, batch_size=3, sampler=draws, num_workers=2, collate_fn=list)
    there = [item['inputs']['img'] for batch in loader for item in batch]
    assert all(np.array_equal(*pair) for pair in zip(found[0], there))


def test_objects_of_a_picture_are_neighbours_in_a_test(build: Callable, spoil: Callable) -> None:
    def mix(content: dict) -> None:
        content['annotations'].sort(key=lambda entry: entry['id'] % 100)

    root = spoil(mix)
    order = [[101, 201, 102, 202, 103, 203], [101, 102, 103, 201, 202, 203]]
    for test_mode in (False, True):
        dataset = build(root=root, test_mode=test_mode)
        ids = [dataset.get_data_info(i)['annotation_id'] for i in range(6)]
        assert ids == order[test_mode]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'channel_order': 'gbr'}, "channel_order is one of .*'gbr'"),
        ({'size_mismatch': 'crop'}, "size_mismatch is one of .*'crop'"),
    ],
)
def test_wrong_arguments(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LoadFrames(**arguments)


def test_a_record_has_to_say_its_colour_order(paths: list[str]) -> None:
    record = {'img_paths': paths[3:], 'height': 4, 'width': 6, 'annotation_id': 5}
    step = LoadFrames(channel_order='record')
    assert step({**record, 'channel_order': 'rgb'})['img'][0, 0, 0].tolist() == [3, 30, 77]
    assert step({**record, 'channel_order': 'bgr'})['img'][0, 0, 0].tolist() == [3, 30, 77][::-1]
    with pytest.raises(KeyError, match=r"annotation 5 of .*'channel_order' is 'rgb' or 'bgr'"):
        step(record)
