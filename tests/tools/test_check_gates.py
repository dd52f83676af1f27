"""The gates of the published weights compare what tests have written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.tools.loading import load_tool

gates = load_tool('analysis_tools/check_gates')
PREFIX = 'c2f-image/pred:aisformer'


def write_run(folder: Path, full: float, occ: float, objects: int = 65864, **more: float) -> str:
    """What tools/test.py leaves in its work directory; post is 0.16 / -1.5 points from raw."""
    results = {
        f'{PREFIX}/refined/raw/mIoU_full': full / 100,
        f'{PREFIX}/refined/raw/mIoU_occ': occ / 100,
        f'{PREFIX}/refined/post/mIoU_full': (full + 0.16) / 100,
        f'{PREFIX}/refined/post/mIoU_occ': (occ - 1.5) / 100,
        f'{PREFIX}/refined/raw/mIoU_full_hidden_5-30': 0.9,
        f'{PREFIX}/objects': objects,
        f'{PREFIX}/occluded_objects': 29517,
        'time': 1.0,
        **more,
    }
    path = folder / '20260101_000000' / '20260101_000000.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(results))
    return str(folder)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        gates.main(arguments)
    return caught.value.code


def test_the_mean_of_the_seeds_is_compared(tmp_path, capsys):
    # Means by hand: full (81.96 + 82.06 + 82.16) / 3 = 82.06, occ (54.8 + 55.1 + 55.4) / 3 = 55.1.
    folders = [
        write_run(tmp_path / str(seed), full, occ)
        for seed, (full, occ) in enumerate([(81.96, 54.8), (82.06, 55.1), (82.16, 55.4)])
    ]
    assert run('kins', *folders) == 0
    lines = capsys.readouterr().out.splitlines()
    [occ] = [line for line in lines if line.startswith('occ, raw')]
    assert occ.split() == ['occ,', 'raw', '55.10', '55.10', '0.30', '+0.00', 'as', 'published']
    assert lines[-1].startswith('mean of 3 runs')
    # One of them alone is out by 0.3.
    assert run('kins', folders[0]) == 1
    text = capsys.readouterr().out
    assert 'fewer than three seeds' in text
    assert text.count('DIFFERS') == 2  # occluded, raw and post


@pytest.mark.parametrize(
    ('full', 'occ', 'code'),
    [(82.16, 55.10, 0), (82.17, 55.10, 1), (82.06, 55.30, 0), (82.06, 54.89, 1)],
)
def test_tolerance(tmp_path, full, occ, code):
    assert run('kins', write_run(tmp_path, full, occ)) == code


@pytest.mark.parametrize(('objects', 'code'), [(65864, 0), (65857, 0), (65856, 1), (65865, 1)])
def test_number_of_objects(tmp_path, capsys, objects, code):
    # Up to seven were counted twice by the published sampler.
    assert run('kins', write_run(tmp_path, 82.06, 55.1, objects=objects)) == code
    [line] = [x for x in capsys.readouterr().out.splitlines() if x.startswith('objects')]
    assert str(objects) in line
    assert ('DIFFERS' in line) == bool(code)


def test_the_newest_test_of_a_folder_counts(tmp_path):
    folder = write_run(tmp_path, 82.06, 55.1)
    later = tmp_path / '20260102_000000' / '20260102_000000.json'
    later.parent.mkdir()
    later.write_text((tmp_path / '20260101_000000' / '20260101_000000.json').read_text())
    (tmp_path / '20260102_000000' / 'vis.json').write_text('no result')
    assert gates.read_results(folder)[f'{PREFIX}/objects'] == 65864


@pytest.mark.parametrize(
    ('dataset', 'more', 'message'),
    [
        ('movid_a', {}, r'expected one number c2f-video/SOURCE/refined/post/mIoU_full .* found 0'),
        ('kins', {'c2f-image/gt/objects': 5}, r'c2f-image/SOURCE/objects .* found 2'),
        ('kins', {f'{PREFIX}/occluded_objects': None}, 'expected one number'),
    ],
)
def test_results_of_another_test_are_one_sentence(tmp_path, capsys, dataset, more, message):
    folder = write_run(tmp_path, 82.06, 55.1, **more)
    assert run(dataset, folder) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert re.search(message, error)


def test_folders_without_results_are_one_sentence(tmp_path, capsys):
    assert run('kins', str(tmp_path)) == 2
    assert 'holds no results of a test' in capsys.readouterr().err
    folder = write_run(tmp_path, 82.06, 55.1)
    assert run('kins', folder, folder) == 2
    assert 'given twice' in capsys.readouterr().err
    (tmp_path / '20260101_000000' / '20260101_000000.json').write_text('[1')
    assert run('kins', folder) == 2
    assert 'is no JSON file' in capsys.readouterr().err
