"""benchmark_evaluation.py: what it times is an evaluation, and mistakes are named."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from tests.tools.loading import load_tool

ROOT = Path(__file__).resolve().parents[2]
KINS = str(ROOT / 'configs/c2f_kins.py')
MADE = ['--made', '--format', 'jpg', '--images', '1', '--objects', '3']


@pytest.fixture(autouse=True)
def threads():
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def test_an_evaluation_is_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = load_tool('analysis_tools/benchmark_evaluation')
    numbers: list[dict[str, float]] = []
    score = tool.Evaluator.evaluate
    monkeypatch.setattr(
        tool.Evaluator, 'evaluate', lambda self, size: numbers.append(score(self, size))
    )
    path = tmp_path / 'times.json'
    protocols = ['--protocols', 'c2f-image', 'pcnet']
    options = ['--num', '7', '--batch-size', '2', '--model-ms', '40', '--json', str(path)]
    tool.main([KINS, *MADE, *protocols, *options])
    found = json.loads(path.read_text())
    assert found['objects'] == 7
    assert list(found['milliseconds']) == ['load', 'paste', 'score', 'average']
    assert all(value > 0 for value in found['milliseconds'].values())
    (values,) = numbers
    # Three objects, seen more than once under names of their own.
    assert values['c2f-image/gt/refined/raw/mIoU_full'] == pytest.approx(0.9, abs=0.1)
    assert values['c2f-image/gt/objects'] == 7
    assert any(key.startswith('pcnet/gt/refined/raw/') for key in values)
    printed = capsys.readouterr().out
    assert '7 objects; ms of CPU time an object' in printed
    assert 'beside a model of 40 ms' in printed


def test_shares_of_the_time() -> None:
    tool = load_tool('analysis_tools/benchmark_evaluation')
    seconds = {'load': 0.06, 'paste': 0.01, 'score': 0.02, 'average': 0.01}
    lines = tool.format_times(seconds, 10, 36.0).splitlines()
    assert lines[2].split() == ['load', '6.00', 'worker', 'processes']
    assert lines[6].split() == ['all', '10.00']
    assert '22 % of the time' in lines[8]  # 10 of 46 ms
    assert '10 % where worker processes load' in lines[8]  # 4 of 40


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    tool = load_tool('analysis_tools/benchmark_evaluation')
    cases = {
        (KINS, '--num', '0'): '--num is at least 1, got 0',
        (KINS, '--batch-size', '0'): '--batch-size is at least 1',
        (KINS, '--model-ms', '-1'): '--model-ms is a positive number, got -1',
        (KINS, '--format', 'png'): 'give --made as well',
        ('gone.py',): 'gone.py does not exist',
        (KINS, *MADE, '--json', str(tmp_path)): 'is a folder',
        (KINS, '--cfg-options', 'x'): 'expected KEY=VALUE pairs, such as',
        (KINS, '--cfg-options', 'test_evaluator=None'): 'has no test_dataloader with',
        (KINS, *MADE, '--protocols', 'gone'): "Unknown evaluation protocol 'gone'",
    }
    for arguments, words in cases.items():
        with pytest.raises(SystemExit) as caught:
            tool.main(list(arguments))
        assert caught.value.code == 2
        assert words in capsys.readouterr().err
