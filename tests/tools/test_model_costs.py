"""No model costs more than docs/model_costs.json says: counts, the same on any machine."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from tests.tools.loading import load_tool

tool = load_tool('analysis_tools/model_costs')
KNOWN = json.loads(tool.FILE.read_text(encoding='utf-8'))
REWRITE = 'Where it is meant: python tools/analysis_tools/model_costs.py --write'


def test_the_file_names_the_models_of_the_tool() -> None:
    assert {config: costs['frames'] for config, costs in KNOWN.items()} == tool.CONFIGS


LITE = ['lite/c2f_shapes_s', 'lite/c2f_shapes_m', 'lite/c2f_shapes_l', 'lite/c2f_kins_256']


@pytest.mark.parametrize('config', ['c2f_general', 'c2f_shapes_video', 'c2f_kins', *LITE])
def test_models_have_not_grown(config: str) -> None:
    grown, _ = tool.differences(KNOWN[config], tool.count_costs(config, tool.CONFIGS[config]))
    assert not grown, REWRITE


def test_counts_are_those_of_layers_counted_by_hand() -> None:
    costs = KNOWN['c2f_general']
    # Fourteen 3x3 convolutions of the light encoder on 128 px; two operations a product.
    layers = [(4, 24, 64), (24, 48, 32), (48, 96, 16), (96, 128, 16)]
    blocks = [(48, 48, 32)] * 2 + [(96, 96, 16)] * 4 + [(128, 128, 16)] * 4
    work = sum(2 * 9 * i * o * side**2 for i, o, side in layers + blocks)
    assert costs['part_gflop']['backbone'] == pytest.approx(work / 1e9, abs=1e-5)
    weights = sum(9 * i * o + 2 * o for i, o, _ in layers + blocks)  # and two of each BatchNorm
    assert costs['part_parameters']['backbone'] == weights
    assert costs['gflop'] == pytest.approx(sum(costs['part_gflop'].values()), abs=1e-4)


@pytest.mark.parametrize('key', ['part_gflop', 'part_parameters'])
def test_a_model_that_grew_ends_the_command(
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tool, 'count_costs', lambda config, frames: KNOWN[config])
    tool.main([])
    smaller = copy.deepcopy(KNOWN)
    smaller['c2f_kins'][key]['refiner'] *= 0.99
    path = tmp_path / 'costs.json'
    path.write_text(json.dumps(smaller))
    with pytest.raises(SystemExit, match='2'):
        tool.main(['--file', str(path)])
    said = capsys.readouterr().err
    assert re.fullmatch(r'error: c2f_kins, .* of refiner: .* Where it is meant.*\n', said)


@pytest.mark.parametrize('text', ['{"c2f_kins": {}}', '[]', 'text', '{"c2f_kins": 3}', None])
def test_a_file_that_holds_no_costs_is_refused_before_counting(
    text: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(tool, 'count_costs')
    path = tmp_path / 'costs.json'
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit, match='2'):
        tool.main(['--file', str(path)])
    said = capsys.readouterr().err
    assert re.fullmatch(r'error: .*costs\.json (was not written by this tool|is no file).*\n', said)


def test_a_file_that_cannot_be_written_is_refused_before_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(tool, 'count_costs')
    with pytest.raises(SystemExit, match='2'):
        tool.main(['--write', '--file', str(tmp_path)])
    assert 'is a folder' in capsys.readouterr().err


def test_growth_of_a_part_is_told_though_the_whole_shrank() -> None:
    found = copy.deepcopy(KNOWN['c2f_general'])
    found['part_gflop']['refiner'] *= 1.01
    found['gflop'] *= 0.9
    grown, shrunk = tool.differences(KNOWN['c2f_general'], found)
    assert [sentence.split(':')[0] for sentence in grown] == ['GFLOP of refiner']
    assert [sentence.split(':')[0] for sentence in shrunk] == ['GFLOP']
    found['part_gflop']['new'] = 0.1
    grown, _ = tool.differences(KNOWN['c2f_general'], found)
    assert 'GFLOP of new: 0 written down, 0.1 now' in grown
