"""The demo as a user runs it: another process, its table, its panels, its complaints."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from c2fseg.apis import init_model

ROOT = Path(__file__).parents[2]
KINS = ROOT / 'tests' / 'data' / 'kins_mini'
NARROW = """
_base_ = ['{base}']
model = dict(
    transformer=dict(depth=1, feature_dims=16, visible_dims=8, amodal_dims=8, num_heads=2),
    refiner=dict(state_channels=32),
)
"""


def run_demo(*arguments: object) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    return subprocess.run(
        [sys.executable, str(ROOT / 'demo' / 'image_demo.py'), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': path, 'COLUMNS': '120'},
        timeout=500,
        check=False,
    )


def test_two_pictures_with_a_narrow_model(tmp_path):
    config = tmp_path / 'narrow.py'
    config.write_text(NARROW.format(base=ROOT / 'configs' / 'c2f_shapes.py'))
    weights = tmp_path / 'narrow.pth'
    torch.save({'state_dict': init_model(config).state_dict()}, weights)
    out = tmp_path / 'out'
    done = run_demo(
        KINS / 'image_2',
        *('--masks', KINS / 'kins_2020.json', '--model', config),
        *('--weights', weights, '--out-dir', out),
    )
    assert done.returncode == 0, done.stderr
    # The visible IoU is 1 - the hidden share where V lies inside A: car 101 has 60 x 30 pixels,
    # of which the pedestrian in front hides 14 x 30.
    assert 'car' in done.stdout
    assert f'{1 - 14 / 60:.2f}'[:3] in done.stdout
    panels = sorted((out / 'visualizations').iterdir())
    assert [path.name for path in panels] == ['000003.png', '000008.png']
    for path in panels:
        # Five tiles of 224 px with gaps of 6 px, and a border.
        assert cv2.imread(str(path)).shape[1] == 5 * 224 + 6 * 6
        assert str(path) in done.stdout.replace('\n', '')


def test_complaints_are_one_line(tmp_path):
    own = run_demo(KINS / 'image_2')
    assert own.returncode == 2
    assert 'need --masks' in own.stderr
    absent = run_demo('--weights', tmp_path / 'absent.pth')
    assert absent.returncode == 1
    assert 'does not exist' in absent.stderr
    assert 'Traceback' not in absent.stderr


def test_report_of_pictures_that_share_a_name(tmp_path):
    spec = importlib.util.spec_from_file_location('image_demo', ROOT / 'demo' / 'image_demo.py')
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    image, mask = np.zeros((20, 30, 3), np.uint8), np.eye(20, 30, dtype=bool)
    predictions = []
    for name in ('one.png', 'one.jpg'):
        cv2.imwrite(str(tmp_path / name), image)
        found = dict(visible_mask=mask, amodal_mask=mask, occlusion_rate=0.0)
        predictions.append(dict(image=str(tmp_path / name), size=(20, 30), objects=[found]))
    entries = [[demo.MaskEntry(mask)]] * 2
    written = demo.report(predictions, entries, tmp_path / 'out')[1]
    assert [path.name for path in written] == ['one.png', 'one_2.png']
    assert all(path.is_file() for path in written)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (('--out-dir', 'taken'), ('folder taken', 'it is a file')),
        (('--device', 'cuda:99'), ("device 'cuda:99'", 'cpu')),
        (('--masks', 'wrong.json'), ('wrong.json', '000003.png', 'annotation 101', 'RLE')),
    ],
)
def test_wrong_arguments_in_one_line(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'taken').write_text('')
    content = json.loads((KINS / 'kins_2020.json').read_text())
    for annotation in content['annotations']:
        annotation['a_segm'] = {'size': [1, 1]}
    (tmp_path / 'wrong.json').write_text(json.dumps(content))
    base = (KINS / 'image_2', '--masks', KINS / 'kins_2020.json', '--model', 'trivial_hull_shapes')
    done = run_demo(*base, *arguments)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.skipif(
    not (ROOT / 'weights' / 'c2f_general.pth').is_file(),
    reason='weights/c2f_general.pth is not there: make it as docs/benchmarks.md says',
)
def test_shipped_weights_complete_the_shipped_pictures(tmp_path):
    done = run_demo('--out-dir', tmp_path)
    assert done.returncode == 0, done.stderr
    mean = next(line for line in done.stdout.splitlines() if 'mean' in line)
    visible, _, amodal = (float(cell) for cell in mean.replace('│', ' ').split()[-3:])
    assert amodal > visible + 0.05
    assert list(tmp_path.glob('visualizations/*.png'))
