"""The data configs build and deliver, on the small fixture; browse_dataset draws them."""

from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config

from c2fseg.datasets import SampleDraw
from c2fseg.registry import DATASETS

ROOT = Path(__file__).parents[2]
BASE = ROOT / 'configs' / '_base_' / 'datasets'


def load(name: str, kins_mini: Path) -> Config:
    """A data config whose splits all read the fixture."""
    config = Config.fromfile(BASE / f'{name}.py')
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.update(
            data_root=str(kins_mini), ann_file='kins_2020.json', data_prefix={'img': 'image_2'}
        )
    return config


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
@pytest.mark.parametrize(('name', 'size'), [('kins', 256), ('shapes', 128), ('shapes_unseen', 128)])
def test_amodal_configs(kins_mini: Path, name: str, size: int, split: str) -> None:
    dataset = DATASETS.build(load(name, kins_mini)[f'{split}_dataloader'].dataset)
    item = dataset[SampleDraw(0, 5)]
    assert item['inputs']['img'].shape == (1, 3, size, size)
    assert ('gt_masks' in item['data_samples']) == (split != 'train')
    assert dataset.test_mode == (split != 'train')


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
@pytest.mark.parametrize(('name', 'size'), [('kins_masks', 256), ('shapes_masks', 128)])
def test_mask_configs_read_no_picture(kins_mini: Path, name: str, size: int, split: str) -> None:
    config = load(name, kins_mini)[f'{split}_dataloader'].dataset
    config.data_prefix = {'img': 'nowhere'}
    item = DATASETS.build(config)[SampleDraw(0, 5)]
    assert item['inputs']['mask'].shape == (1, 1, size, size)
    assert set(torch.unique(item['inputs']['mask']).tolist()) == {0.0, 1.0}


def test_unseen_split_overrides_the_test_split_only() -> None:
    shapes, unseen = (Config.fromfile(BASE / f'{n}.py') for n in ('shapes', 'shapes_unseen'))
    assert unseen.test_dataloader.dataset.ann_file == 'annotations/shapes_test_unseen.json'
    assert unseen.val_dataloader.to_dict() == shapes.val_dataloader.to_dict()
    assert unseen.test_dataloader.batch_size == shapes.test_dataloader.batch_size


@pytest.mark.parametrize('name', ['shapes', 'kins_masks'])
def test_browse_dataset_draws(
    kins_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    config = tmp_path / f'{name}.py'
    load(name, kins_mini).dump(config)
    arguments = [str(config), '--num', '3', '--tile', '64', '--out', str(tmp_path / 'out')]
    monkeypatch.setattr('sys.argv', ['browse_dataset.py', *arguments])
    runpy.run_path(str(ROOT / 'tools/analysis_tools/browse_dataset.py'), run_name='__main__')
    picture = cv2.imread(str(tmp_path / 'out' / f'{name}_train.png'))
    assert picture is not None
    assert picture.std() > 20


def test_browse_dataset_names_the_missing_file(
    kins_mini: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / 'gone.py'
    gone = load('shapes', kins_mini)
    gone.train_dataloader.dataset.data_root = str(tmp_path)
    gone.dump(config)
    monkeypatch.setattr('sys.argv', ['browse_dataset.py', str(config)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / 'tools/analysis_tools/browse_dataset.py'), run_name='__main__')
    assert stopped.value.code not in (0, None)
    [sentence] = capsys.readouterr().err.strip().splitlines()
    assert 'annotation file not found' in sentence
