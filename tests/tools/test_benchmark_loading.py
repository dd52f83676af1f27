"""benchmark_loading.py: its parts add up, its data is what it says, and mistakes are named."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from c2fseg.datasets import KINSDataset
from tests.tools.loading import load_tool

ROOT = Path(__file__).resolve().parents[2]
KINS = str(ROOT / 'configs/c2f_kins.py')
STEPS = ['LoadFrames', 'LoadAmodalMasks', 'CropObject', 'PerturbVisibleMask', 'PackAmodalInputs']


@pytest.fixture(autouse=True)
def threads():
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def run(tmp_path: Path, *arguments: str) -> dict:
    path = tmp_path / 'times.json'
    tool = load_tool('analysis_tools/benchmark_loading')
    tool.main([KINS, '--rounds', '2', '--json', str(path), *arguments])
    return json.loads(path.read_text())


@pytest.mark.parametrize('order', ['sampler', 'file', 'random'])
def test_parts_add_up(tmp_path: Path, capsys: pytest.CaptureFixture, order: str) -> None:
    found = run(tmp_path, '--made', '--images', '2', '--objects', '2', '--order', order)
    assert found['objects'] == 4
    times = found['milliseconds']
    assert list(times) == ['all', '(record)', *STEPS]
    parts = sum(value['best'] for name, value in times.items() if name != 'all')
    assert 0 < parts <= times['all']['best'] * 1.01
    assert all(value['best'] <= value['median'] for value in times.values())
    printed = capsys.readouterr().out
    assert '4 objects, 2 rounds; ms of CPU time an object' in printed
    assert 'PerturbVisibleMask' in printed


@pytest.mark.parametrize('workers', [0, 1])
def test_loader_and_jpeg(tmp_path: Path, capsys: pytest.CaptureFixture, workers: int) -> None:
    made = ['--made', '--format', 'jpg', '--images', '1', '--objects', '4']
    options = ['--cfg-options', 'train_dataloader.batch_size=4']
    found = run(tmp_path, *made, '--workers', str(workers), *options)
    loader = found['loader']
    assert loader['objects'] == 8  # two rounds of four
    assert loader['per_second'] == pytest.approx(8 / loader['seconds'])
    assert f'{workers} worker processes: 8 objects in' in capsys.readouterr().out


def test_own_data(tmp_path: Path, kins_mini_options: list[str]) -> None:
    found = run(tmp_path, '--split', 'val', '--num', '5', '--cfg-options', *kins_mini_options)
    assert found['objects'] == 5
    assert 'PerturbVisibleMask' not in found['milliseconds']


@pytest.fixture
def kins_mini_options() -> list[str]:
    values = {'data_root': ROOT / 'tests/data/kins_mini', 'ann_file': 'kins_2020.json'}
    values['data_prefix.img'] = 'image_2'
    return [f'val_dataloader.dataset.{key}={value}' for key, value in values.items()]


def test_made_data_is_of_the_size_of_kins(tmp_path: Path) -> None:
    tool = load_tool('analysis_tools/benchmark_loading')
    tool.make_data(tmp_path, images=2, objects=3, seed=1)
    again = tmp_path / 'again'
    again.mkdir()
    tool.make_data(again, images=2, objects=3, seed=1)
    names = ['000000.png', '000001.png']
    for name in names:
        assert (tmp_path / name).read_bytes() == (again / name).read_bytes()
        with Image.open(tmp_path / name) as image:
            assert image.size == (1242, 375)
        assert 0.6e6 < (tmp_path / name).stat().st_size < 1.1e6  # as KITTI's, 1.4e6 unpacked
    dataset = KINSDataset('made.json', data_root=str(tmp_path), strict=True, max_visible_outside=0)
    assert len(dataset) == 6
    tool.make_data(again, images=1, objects=3, seed=1, suffix='jpg')
    with Image.open(again / '000000.jpg') as image:
        assert (image.format, image.size) == ('JPEG', (1242, 375))
    photograph = cv2.imread(str(again / '000000.jpg')).astype(int)
    difference = photograph - cv2.imread(str(tmp_path / '000000.png'))
    assert 0 < np.abs(difference).mean() < 4  # the same picture, but for what JPEG loses
    rates = [dataset.get_data_info(i)['occlusion_rate'] for i in range(6)]
    assert 0.05 < np.mean(rates) < 0.5


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    tool = load_tool('analysis_tools/benchmark_loading')
    cases = {
        ('gone.py',): 'gone.py does not exist',
        (str(ROOT / 'configs/trivial_visible_shapes.py'),): 'has no train_dataloader',
        (KINS, '--cfg-options', f'train_dataloader.dataset.data_root={tmp_path}'): 'not found',
        (KINS, '--made', '--json', str(tmp_path)): 'is a folder',
    }
    for arguments, words in cases.items():
        with pytest.raises(SystemExit) as caught:
            tool.main(list(arguments))
        assert caught.value.code == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert words in lines[0]
    with pytest.raises(SystemExit):
        tool.main([KINS, '--num', '0'])
    assert '--num is at least 1' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main([KINS, '--made', '--seed', '-1'])
    assert '--seed is at least 0' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main([KINS, '--format', 'jpg'])
    assert 'give --made as well' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main([KINS, '--made', '--workers', '-1'])
    assert '--workers is at least 0, got -1' in capsys.readouterr().err
