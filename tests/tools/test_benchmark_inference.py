"""benchmark_inference.py: what it counts and prints, and mistakes in its command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tools.loading import load_tool

TOOL = load_tool('analysis_tools/benchmark_inference')


def test_made_pictures(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / 'speed.json'
    TOOL.main(['--made', '2', '--objects', '3', '--rounds', '1', '--json', str(path)])
    found = json.loads(path.read_text())
    assert (found['pictures'], found['precision']) == (2, 'float32')
    for call in found['calls'].values():
        assert call['objects'] == 6
        assert 0 < call['model_seconds'] < call['seconds']
    printed = capsys.readouterr().out
    assert 'one picture a call' in printed
    assert 'all in one call' in printed


def test_own_pictures_and_random_weights(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = Path(__file__).resolve().parents[2]
    folder = root / 'demo/data'
    picture, masks = folder / '000000.png', folder / 'annotations.json'
    TOOL.main([
        '--model', 'lite/c2f_shapes_s', '--random', '--precision', 'bfloat16', '--rounds', '1',
        '--images', str(picture), '--masks', str(masks),
    ])  # fmt: skip
    assert 'lite/c2f_shapes_s, bfloat16' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--images', 'a.jpg'], 'give both'),
        (['--rounds', '0'], '--rounds must be at least 1, got 0'),
        (['--threads', '0'], '--threads must be at least 1, got 0'),
        (['--json', str(Path(__file__).parent)], 'tools is a folder'),
        (['--random', '--model', 'README.md'], 'README.md is no config'),
        (['--random', '--weights', 'a.pth'], 'leave --weights out'),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match='2'):
        TOOL.main(arguments)
    assert message in capsys.readouterr().err
