"""Curves from the scalars of trainings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.tools.loading import load_tool


@pytest.fixture(scope='module')
def plot_curves():
    return load_tool('analysis_tools/plot_curves')


def write_run(folder: Path, name: str, lines: list[dict], tail: str = '') -> None:
    file = folder / name / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('\n'.join(map(json.dumps, lines)) + '\n' + tail)


@pytest.fixture
def runs(tmp_path):
    """A run that was resumed from step 2, and a short one; the last line of one is cut off."""
    first = [{'loss': 4.0 - step, 'time': 1.0, 'step': step} for step in range(4)]
    write_run(tmp_path / 'a', '1', first)
    write_run(tmp_path / 'a', '2', [{'loss': 9.0, 'step': 3}, {'m/iou': 0.5, 'step': 3}])
    write_run(tmp_path / 'b', '1', [{'loss': 1.0, 'step': 0}], tail='{"loss": 0.')
    return tmp_path


def test_parts_are_joined_and_the_later_counts(plot_curves, runs):
    curves = plot_curves.read_run(str(runs / 'a'))
    assert curves['loss'] == {0: 4.0, 1: 3.0, 2: 2.0, 3: 9.0}
    assert plot_curves.read_run(str(runs / 'b'))['loss'] == {0: 1.0}


def test_keys(plot_curves, runs):
    curves = [plot_curves.read_run(str(runs / name)) for name in 'ab']
    assert plot_curves.choose_keys(curves, None) == ['loss', 'm/iou']
    assert plot_curves.choose_keys(curves, ['m/*', 'time']) == ['m/iou', 'time']
    with pytest.raises(KeyError, match='No key fits'):
        plot_curves.choose_keys(curves, ['nothing'])


def test_smoothing_by_hand(plot_curves):
    smoothed = plot_curves.smooth(np.array([1.0, 3.0, 5.0, 7.0]), 2)
    assert smoothed.tolist() == [1.0, 2.0, 4.0, 6.0]


def test_picture_is_written(plot_curves, runs, capsys):
    out = runs / 'new' / 'curves.png'
    assert plot_curves.main([str(runs / 'a'), str(runs / 'b'), '--out', str(out)]) == 0
    assert cv2.imread(str(out)) is not None
    assert str(out) in capsys.readouterr().out


def test_complaints(plot_curves, runs, capsys, monkeypatch):
    assert plot_curves.main([str(runs / 'nowhere')]) == 1
    assert 'give the work directory' in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    assert plot_curves.main([str(runs / 'a'), '--out', str(runs / 'c.png')]) == 1
    assert 'pip install matplotlib' in capsys.readouterr().err
