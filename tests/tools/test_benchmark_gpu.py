"""tools/analysis_tools/benchmark_gpu.py: dry runs on the processor, rows that fail, waits."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch._dynamo.exc import TorchDynamoException

from c2fseg.benchmarking import throughput
from c2fseg.benchmarking.gpu_tables import format_page, format_row
from c2fseg.benchmarking.measure import PartClock
from c2fseg.benchmarking.options import SubjectOptions
from c2fseg.benchmarking.subject import Subject
from c2fseg.models.segmentors import C2FSeg, predictions
from tests.tools.loading import load_tool
from tests.tools.tiny_model import write_tiny_config


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(throughput, 'measure_peak', lambda device, dtype: 10.0)
    return load_tool('analysis_tools/benchmark_gpu')


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_tiny_config(tmp_path / 'tiny.py'))


def run(tool: ModuleType, config: str, out: Path, *arguments: str) -> list[dict[str, Any]]:
    common = [config, '--device', 'cpu', '--seconds', '0.01', '--out-dir', str(out)]
    assert tool.main([*common, *arguments]) == 0
    return json.loads((out / 'benchmark_gpu.json').read_text())['rows']


def test_dry_run_on_the_processor(
    tool: ModuleType, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ['--modes', 'eager', '--batch-sizes', '2', '1', '--train-batch-sizes', '1', '2']
    video = ['--video-configs', config, '--frames', '2', '--clips', '1']
    rows = run(tool, config, tmp_path / 'out', *options, *video)
    keys = ('kind', 'task', 'dtype', 'batch_size', 'frames')
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ('image', 'predict', 'bfloat16', 1, 1),
        ('image', 'predict', 'bfloat16', 2, 1),
        ('image', 'train', 'bfloat16', 2, 1),  # the largest fits
        ('video', 'predict', 'bfloat16', 1, 2),
        ('image', 'predict', 'float32', 1, 1),
        ('image', 'predict', 'float32', 2, 1),
    ]
    assert {row['status'] for row in rows} == {'measured'}
    for row in rows:
        work = row['objects_per_second'] * row['gflop_per_object']
        assert row['fraction_of_peak'] == pytest.approx(work / 10)
        assert row['lowest_objects_per_second'] <= row['objects_per_second']
    assert rows[0]['gflop_per_object'] == rows[1]['gflop_per_object']
    page = (tmp_path / 'out' / 'benchmark_gpu.md').read_text()
    assert page.count('| bfloat16 |') == 4
    assert 'Clips completed a second' in page
    assert capsys.readouterr().out.count('of the peak') == len(rows)


def test_options_of_the_config_reach_all_models(
    tool: ModuleType, config: str, tmp_path: Path
) -> None:
    options = ['--modes', 'eager', '--dtypes', 'bfloat16', '--batch-sizes', '1', '--skip-train']
    video = ['--video-configs', config, '--frames', '2', '--clips', '1']
    plain = run(tool, config, tmp_path / 'plain', *options, *video)
    changed = ['--cfg-options', 'model.decoder.num_steps=4']
    longer = run(tool, config, tmp_path / 'longer', *options, *video, *changed)
    assert [row['kind'] for row in longer] == ['image', 'video']
    for before, after in zip(plain, longer):
        assert after['gflop_per_object'] > before['gflop_per_object']
    assert 'decoder' not in (tmp_path / 'plain' / 'benchmark_gpu.md').read_text()
    page = (tmp_path / 'longer' / 'benchmark_gpu.md').read_text()
    assert 'Options of all models: model.decoder.num_steps=4.' in page


def test_too_little_memory_is_a_row(
    tool: ModuleType, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict, train = Subject.predict_once, Subject.train_once

    def fail_above(most: int, method):
        def wrapper(self: Subject) -> None:
            if self.batch_size > most:
                raise torch.OutOfMemoryError('on purpose')
            method(self)

        return wrapper

    monkeypatch.setattr(Subject, 'predict_once', fail_above(2, predict))
    monkeypatch.setattr(Subject, 'train_once', fail_above(1, train))
    options = ['--modes', 'eager', '--dtypes', 'bfloat16', '--skip-video']
    sizes = ['--batch-sizes', '2', '3', '--train-batch-sizes', '4', '2', '1']
    rows = run(tool, config, tmp_path, *options, *sizes)
    assert [(row['task'], row['batch_size'], row['status']) for row in rows] == [
        ('predict', 2, 'measured'),
        ('predict', 3, 'out of memory'),
        ('train', 4, 'out of memory'),
        ('train', 2, 'out of memory'),
        ('train', 1, 'measured'),
    ]
    assert '| 3 | out of memory |' in (tmp_path / 'benchmark_gpu.md').read_text()


def test_training_has_the_gpu_to_itself(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(SubjectOptions(config, 'tiny'))
    subject.count_train()
    events: list[str] = []

    def note(owner: Any, name: str, event: str) -> None:
        function = getattr(owner, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            events.append(' '.join([event, *(str(a) for a in args if name == 'to')]))
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, noted)

    monkeypatch.setattr(throughput, 'measure_peak', lambda device, dtype: 10.0)
    # No GPU here: what is said to go to the device stays on the processor.
    subject.device = torch.device('cpu', 0)
    note(subject.model, 'to', 'model to')
    note(subject.model.data_preprocessor, 'to', 'batches to')
    note(subject, 'load_batch', 'batch')
    note(subject, 'train_once', 'train')
    note(subject, 'forget_training', 'forget')
    note(throughput, 'free_memory', 'free')
    row = throughput.train_row(subject, 2, seconds=1e-9)
    assert row['status'] == 'measured'
    assert list(dict.fromkeys(events[:6])) == [
        'model to cpu', 'batches to cpu:0', 'free', 'batch', 'train',
    ]  # fmt: skip
    assert events[-5:] == ['forget', 'free', 'model to cpu:0', 'batch', 'free']
    assert subject.trainee is None
    events.clear()

    def fail() -> None:
        raise torch.OutOfMemoryError('on purpose')

    monkeypatch.setattr(subject, 'train_once', fail)
    assert throughput.train_row(subject, 2, seconds=1e-9)['status'] == 'out of memory'
    assert events[-5:] == ['forget', 'free', 'model to cpu:0', 'batch', 'free']


def test_memory_is_that_of_a_gpu_alone(
    tool: ModuleType, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ['--modes', 'eager', '--dtypes', 'bfloat16', '--batch-sizes', '1', '--skip-video']
    rows = run(tool, config, tmp_path, *options, '--train-batch-sizes', '1')
    assert [row['peak_memory_mb'] for row in rows] == [None, None]
    page = (tmp_path / 'benchmark_gpu.md').read_text()
    assert page.count('% | - |') == 2
    assert 'MB' not in page + capsys.readouterr().out
    on_gpu = dict(rows[0], peak_memory_mb=1234.5)
    assert ' 1,234 MB, warm-up' in format_row(on_gpu)
    assert '| 1,234 MB |' in format_page(
        dict(environment={}, cfg_options={}, minutes=1, rows=[on_gpu])
    )


def test_what_cannot_be_compiled_is_a_row(
    tool: ModuleType, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: C2FSeg) -> None:
        raise TorchDynamoException('no compiler here\nand more')

    monkeypatch.setattr(C2FSeg, 'compile_parts', fail)
    rows = run(tool, config, tmp_path, '--modes', 'compiled', '--batch-sizes', '1', '2')
    assert [row['status'] for row in rows] == 2 * ['not compiled: no compiler here']


def test_an_ended_run_keeps_its_rows(
    tool: ModuleType, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tool, 'train_row', end)
    options = ['--modes', 'eager', '--dtypes', 'bfloat16', '--batch-sizes', '1']
    with pytest.raises(KeyboardInterrupt):
        run(tool, config, tmp_path, *options)
    rows = json.loads((tmp_path / 'benchmark_gpu.json').read_text())['rows']
    assert [row['task'] for row in rows] == ['predict']


def test_rows_without_time_are_listed(tool: ModuleType, config: str, tmp_path: Path) -> None:
    rows = run(tool, config, tmp_path, '--max-minutes', '1e-9', '--video-configs', config)
    # Predictions in two dtypes and compiled, one training, two lengths of clips.
    assert len(rows) == 4 + 1 + 4 + 4 + 4
    assert {row['status'] for row in rows} == {tool.SKIPPED}
    page = (tmp_path / 'benchmark_gpu.md').read_text()
    assert 'Matrix products at best: -. A row is judged by the products' in page


def test_where_there_is_no_gpu(
    tool: ModuleType, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit, match='needs a CUDA GPU') as caught:
        tool.main([config])
    assert '\n' not in str(caught.value)
    with pytest.raises(SystemExit, match='--check-sync looks for waits'):
        tool.main([config, '--check-sync', '--device', 'cpu'])


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['gone.py'], 'gone.py is neither'),
        (['CONFIG', '--cfg-options', 'model.train_cfg.autocast=bfloat16'], 'use --dtype'),
        (['CONFIG', '--cfg-options', 'optimise=false'], 'nothing would read optimise'),
        (['CONFIG', '--cfg-options', 'model.decoder.num_step=2'], 'tiny.py cannot be built: '),
        (['CONFIG', '--cfg-options', 'default_scope'], 'expected KEY=VALUE pairs'),
        (['CONFIG', '--out-dir', 'CONFIG'], 'benchmark_gpu.md cannot be written'),
        (['--batch-sizes', '0'], '--batch-sizes: expected at least 1, got 0'),
        (['--seconds', 'nan'], '--seconds: expected a number above 0, got nan'),
        (['--seconds', '0'], '--seconds: expected a number above 0, got 0'),
        (['--max-minutes', 'nan'], '--max-minutes: expected a number above 0, got nan'),
    ],
)
def test_mistakes_come_up_before_anything_is_measured(
    arguments: list[str],
    words: str,
    tool: ModuleType,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv('C2FSEG_TRACEBACK', raising=False)
    monkeypatch.delattr(tool, 'measure_jobs')
    given = [config if word == 'CONFIG' else word for word in arguments]
    with pytest.raises(SystemExit, match='2'):
        tool.main([*given, '--device', 'cpu', '--skip-video'])
    captured = capsys.readouterr()
    assert captured.out == ''
    assert words in captured.err.splitlines()[-1]


def test_the_device_is_waited_for_at_the_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter(range(100))
    monkeypatch.setattr(PartClock, 'now', lambda self: float(next(readings)))
    calls: list[int] = []
    times = throughput.time_calls(lambda: calls.append(1), torch.device('cpu'), seconds=12)
    # A warm-up, an estimate of one second, and three regions of four seconds by that estimate.
    assert times['calls'] == 4
    assert len(calls) == 1 + 1 + 3 * 4
    assert next(readings) == 2 * 5
    assert times['seconds'] == 0.25


def test_waits_are_found_up_to_the_pasting(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[str] = []
    monkeypatch.setattr(torch.cuda, 'set_sync_debug_mode', modes.append)
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda device: None)
    subject = Subject(SubjectOptions(config, 'tiny', batch_size=2))
    paste = predictions.paste_masks
    assert throughput.find_wait(subject) is None
    assert modes[:2] == ['error', 'default']
    assert modes[-1] == 'default'
    assert predictions.paste_masks is paste

    def wait(*_: Any, **__: Any) -> None:
        raise RuntimeError('called a synchronizing CUDA operation')

    monkeypatch.setattr(subject.model.transformer.head, 'forward', wait)
    where = throughput.find_wait(subject)
    assert where is not None
    assert 'masked_transformer.py' in where
    assert predictions.paste_masks is paste
    assert modes[-1] == 'default'

    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError('something else')

    monkeypatch.setattr(subject.model.transformer.head, 'forward', break_down)
    with pytest.raises(RuntimeError, match='something else'):
        throughput.find_wait(subject)
