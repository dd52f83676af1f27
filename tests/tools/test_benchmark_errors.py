"""tools/analysis_tools/benchmark.py where something is wrong: one sentence, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from c2fseg.benchmarking import peaks
from c2fseg.benchmarking.options import SubjectOptions
from c2fseg.benchmarking.subject import Subject
from tests.tools.loading import load_tool
from tests.tools.tiny_model import write_tiny_config


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool, without the process that measures memory and with small peaks."""
    tool = load_tool('analysis_tools/benchmark')
    monkeypatch.delenv('C2FSEG_TRACEBACK', raising=False)
    monkeypatch.setattr(tool, 'measure_memory', lambda options: 100.0)
    monkeypatch.setitem(peaks._COPIES, 'cpu', (1024**2, 1))
    monkeypatch.setitem(peaks._PRODUCTS, 'cpu', (256, 1))
    return tool


@pytest.fixture
def tiny_config(tmp_path: Path) -> str:
    return str(write_tiny_config(tmp_path / 'tiny.py'))


def said(benchmark: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one sentence that the command ends with."""
    with pytest.raises(SystemExit, match='2'):
        benchmark.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert captured.out == ''
    [line] = captured.err.splitlines()
    assert line.startswith('error: ')
    return line


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('gone.py', None, 'gone.py is neither a config file nor a recipe'),
        ('syntax.py', 'a = (', 'syntax.py cannot be read: line 1 of it or of a file'),
        ('name.py', 'a = b', "name.py cannot be read: NameError: name 'b'"),
        ('base.py', "_base_ = ['gone.py']", 'base.py cannot be read: FileNotFoundError: '),
        ('a.md', 'a = 1', 'a.md is no config: its name has to end in .py'),
        ('a.json', '{', 'a.json cannot be read: JSONDecodeError: '),
        ('part.py', 'a = 1', 'has no "model"'),
        ('nope.py', "model = dict(type='Nope')", 'Nope is not in'),
        ('one.py', "model = dict(type='TrivialPredictor', method='visible')", 'of stage 2'),
    ],
)
def test_configs(
    name: str,
    content: str | None,
    words: str,
    benchmark: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    assert words in said(benchmark, capsys, path)


def test_a_config_without_a_crop_size(
    benchmark: ModuleType, tiny_config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(tiny_config)
    path.write_text(path.read_text().replace('CropObject', 'LoadFrames'))
    assert 'no CropObject' in said(benchmark, capsys, path)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--checkpoint', __file__], 'test_benchmark_errors.py'),
        (['--cfg-options', 'model.test_cfg.autocast=bfloat16'], 'use --dtype'),
        (['--variant', 'x', 'optimise=false'], 'nothing would read optimise'),
        (['--variant', 'x', 'model.decoder.num_step=3'], 'tiny.py [x] cannot be built: Parallel'),
        (['--cfg-options', 'optim_wrapper.optimizer.typ=SGD'], 'tiny.py cannot be built: '),
    ],
)
def test_options(
    arguments: list[str],
    words: str,
    benchmark: ModuleType,
    tiny_config: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert words in said(benchmark, capsys, tiny_config, *arguments)


def test_all_models_are_built_before_one_is_counted(
    benchmark: ModuleType,
    tiny_config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(Subject, 'count')
    wrong = ['--variant', 'x', 'model.decoder.num_steps=0']
    assert '[x] cannot be built' in said(benchmark, capsys, tiny_config, *wrong)


@pytest.mark.parametrize('below', ['', 'tiny.py/a.json'])
def test_the_json_file_is_tried_before_anything_is_measured(
    below: str,
    benchmark: ModuleType,
    tiny_config: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(benchmark, 'run')
    assert 'written' in said(benchmark, capsys, tiny_config, '--json', tmp_path / below)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, method: str, call: int) -> None:
    """Has the n-th call of a method of all subjects together end in Ctrl-C."""
    function, calls = getattr(Subject, method), iter(range(1, 100))

    def interrupted(self: Subject) -> float | None:
        if next(calls) == call:
            self.predict()  # what an unfinished round leaves behind
            raise KeyboardInterrupt
        return function(self)

    monkeypatch.setattr(Subject, method, interrupted)


@pytest.mark.parametrize(
    ('method', 'call', 'rounds', 'steps'),
    [('measure', 4, 1, 0), ('train_step', 6, 3, 1)],
)
def test_an_interrupt_leaves_the_full_rounds(
    method: str,
    call: int,
    rounds: int,
    steps: int,
    benchmark: ModuleType,
    tiny_config: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt_at(monkeypatch, method, call)
    out = tmp_path / 'speed.json'
    variant = ['--variant', 'x', 'model.decoder.num_steps=1']
    assert benchmark.main([tiny_config, *variant, '--repeats', '3', '--json', str(out)]) == 130
    captured = capsys.readouterr()
    assert captured.err == (
        f'interrupted: the report is on {rounds} of 3 rounds and {steps} of 3 training steps\n'
    )
    assert f'ratios of {rounds} rounds' in captured.out
    results = json.loads(out.read_text())
    assert [one['repeats'] for one in results.values()] == [rounds, rounds]
    measured = [one['train_seconds_per_sample'] is not None for one in results.values()]
    assert measured == 2 * [steps > 0]


def test_an_interrupt_before_a_full_round(
    benchmark: ModuleType,
    tiny_config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt_at(monkeypatch, 'measure', 2)
    arguments = [tiny_config, tiny_config, '--skip-train']
    assert benchmark.main(arguments) == 130
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err == 'error: interrupted before a full round, nothing to report\n'


@pytest.mark.parametrize(
    ('dtype', 'low', 'expected'),
    [('float32', False, 100), ('bfloat16', False, 100), ('bfloat16', True, 1000)],
)
def test_parts_are_judged_by_the_products_of_their_dtype(
    dtype: str, low: bool, expected: float, tiny_config: str
) -> None:
    options = {'model.test_cfg.condition_autocast': low}
    subject = Subject(SubjectOptions(tiny_config, 'tiny', dtype=dtype, cfg_options=options))
    subject.count()
    subject.measure()
    result = subject.result({'float32': 100, 'bfloat16': 1000}, bandwidth=1, memory=1)

    def peak(entry: dict[str, float], gflop: str, seconds: str) -> float:
        return entry[gflop] / entry[seconds] / entry['fraction_of_peak']

    own = 100 if dtype == 'float32' else 1000
    parts = result['parts']
    assert peak(parts['tokenizer_encode'], 'gflop', 'seconds') == pytest.approx(expected)
    assert peak(parts['refiner'], 'gflop', 'seconds') == pytest.approx(own)
    assert peak(result, 'gflop_per_object', 'seconds_per_object') == pytest.approx(own)
    assert result['peak_gflop_per_second'] == own
