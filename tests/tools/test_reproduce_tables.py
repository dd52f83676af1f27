"""reproduce_tables.py as a command, on tiny data: trains, tests, goes on, and answers mistakes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import IterTimerHook

from c2fseg.datasets.synthetic import generate_clips, generate_shapes
from c2fseg.reproduction import execution, runs
from tests.engine.processes import Process
from tests.tools.loading import load_tool

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = 'analysis_tools/reproduce_tables'
TINY = [
    '--cfg-options',
    'model.transformer.depth=1',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'test_dataloader.num_workers=0',
    'test_dataloader.batch_size=2',
]
IMAGES = [*TINY, f'model.tokenizer.init_cfg.checkpoint={REPOSITORY / "weights/vqgan_shapes.pth"}']
COUNTS = {'train': 2, 'val': 1, 'test': 1}


def stop_after(number: int) -> list[str]:
    """Lets the tool be interrupted after some tests; returns the names of the runs it starts."""
    started: list[str] = []

    def test(config, name, checkpoint):
        if len(started) == number:
            raise KeyboardInterrupt
        started.append(name)
        return runs.test(config, name, checkpoint)

    execution.test = test
    return started


def stop_training_before(iteration: int) -> list[int]:
    """Lets a training be interrupted; returns the numbers of the iterations that begin."""
    begun: list[int] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == iteration:
            raise KeyboardInterrupt
        begun.append(runner.iter)

    IterTimerHook.before_train_iter = before_train_iter
    IterTimerHook.after_train_iter = lambda *args, **kwargs: None
    return begun


def prepare(directory: Path) -> None:
    """Enters a new directory that is not the repository."""
    torch.set_num_threads(1)
    directory.mkdir()
    os.chdir(directory)
    # Laying out configs for the log takes half of the time of such tiny runs.
    Config.pretty_text = property(lambda self: '# left out')


def run_images(directory: Path) -> None:
    """Table 1: interrupted in the training, then in the tests, gone on with, read once more."""
    prepare(directory)
    generate_shapes('data/shapes', counts=COUNTS, workers=1)
    tool = load_tool(TOOL)
    two = ['train_cfg.max_iters=2', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.interval=1']
    arguments = ['--data-root=data', '--work-dir=runs', *IMAGES, *two]
    first = stop_after(3)
    iterations = stop_training_before(1)
    with pytest.raises(KeyboardInterrupt):
        tool.main(['--tables', '1', *arguments])
    assert iterations == [0]
    assert first == []
    iterations = stop_training_before(99)
    with pytest.raises(KeyboardInterrupt):
        tool.main(['--tables', '1', *arguments])
    assert iterations == [1], 'the first iteration was not made again'
    trained = [os.stat(path).st_mtime_ns for path in sorted(Path('runs').glob('*/*/iter_2.pth'))]
    assert len(trained) == 1
    assert len(first) == 3
    second = stop_after(99)
    tool.main(['--tables', '1', *arguments])
    assert len(second) == 4
    assert not set(first) & set(second)
    again = [os.stat(path).st_mtime_ns for path in sorted(Path('runs').glob('*/*/iter_2.pth'))]
    assert again == trained, 'nothing was trained twice'
    third = stop_after(0)
    tool.main(['--tables', '1', *arguments])
    assert third == []


def rows(text: str, start: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith(start)]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]


def test_tables_of_images_go_on_where_they_were(tmp_path) -> None:
    output = Process(run_images, tmp_path / 'images').wait()
    folder = tmp_path / 'images/runs'
    final = output[output.rindex('## Table 1') :]
    post, raw = (row[2:] for row in rows(final, '| shapes') if row[1] == 'ours')
    assert len(post) == len(raw) == 7
    for label, cell in zip((1, 2, 3, 5, 8, 10, 12), post):
        stored = json.loads((folder / f'shapes/full_k{label}_seed0.json').read_text())
        full, occluded = (
            100 * stored['metrics'][f'c2f-image/gt/refined/post/mIoU_{part}']
            for part in ('full', 'occ')
        )
        assert cell == f'{full:.2f} / {occluded:.2f} (T)'
    assert 'trained here, 2 of 2 iterations of 2;' in final
    assert (folder / 'tables.md').read_text() in output
    cells = json.loads((folder / 'tables.json').read_text())['tables'][0]['cells']
    [one] = [c for c in cells if (c['row'], c['dataset']) == ('3', 'shapes')]
    assert one['ours'][0]['how'] == 'trained'
    assert f'{one["ours"][0]["post"]["full"]:.2f}' == post[2].split()[0]
    assert one['published'] is None
    [cocoa] = [c for c in cells if (c['row'], c['dataset']) == ('3', 'cocoa')]
    assert cocoa['published']['full'] == 80.28


def run_clips(directory: Path) -> None:
    prepare(directory)
    generate_clips('clips', COUNTS, workers=1, frames=3, progress=False)
    options = ['model.init_cfg=None', 'train_dataloader.dataset.pipeline.0.num_frames=2']
    load_tool(TOOL).main(
        ['--data-root=clips', '--dataset=shapes_video', '--tables=2', '--max-iters=1',
         '--work-dir=runs', *TINY, *options]
    )  # fmt: skip


def test_table_of_clips(tmp_path) -> None:
    output = Process(run_clips, tmp_path / 'video').wait()
    text = output[output.rindex('## Table 2') :]
    for label, published in (
        ('without it', '89.64 / 78.93'),
        ('without the roll', '90.91 / 80.01'),
        ('full', '91.68 / 81.21'),
    ):
        theirs, post, raw = rows(text, f'| {label} ')
        assert theirs[1:3] == ['published', published]
        assert theirs[-1] == '–'
        assert post[-1].endswith('(T)')
        assert raw[-1].endswith('(T)')
    assert 'c2f-video, raw' in text
    assert 'c2f-image' not in text


def message(arguments: list[str], capsys) -> str:
    with pytest.raises(SystemExit) as caught:
        load_tool(TOOL).main(arguments)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.fixture
def empty_shapes(tmp_path, monkeypatch) -> Path:
    """Annotation files that are there, without content; the working directory."""
    folder = tmp_path / 'data/shapes/annotations'
    folder.mkdir(parents=True)
    for split in ('train', 'val', 'test'):
        (folder / f'shapes_{split}.json').write_text('')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--data-root=gone'], '--data-root gone is no folder'),
        (['--data-root=data', '--tables', '1', '4'], '--tables 4: expected some of 1, 2, 3, main'),
        (['--data-root=data', '--tables=2'], 'Table 2 needs the configs without_st'),
        (['--data-root=data', '--dataset=kins'], 'expected KINS/annotations/update_test_2020'),
        (['--data-root=data', '--max-iters=0'], '--max-iters 0: expected at least 1'),
        (['--data-root=data', '--seeds', '0', '-1'], '--seeds -1: expected at least 0'),
        (['--data-root=data', f'--work-dir={__file__}'], 'is a file: name a folder'),
        (['--data-root=data', '--checkpoints', 'half=a.pth'], 'half is no config of these tables'),
        (['--data-root=data'], 'Weights'),
        (['--data-root=data', '--cfg-options', 'modle.depth=1'], 'has no key modle'),
    ],
)
def test_mistakes_are_answered_in_one_line(arguments, words, empty_shapes, capsys) -> None:
    assert words in message(arguments, capsys)


def test_a_dry_run_says_what_it_would_do(empty_shapes, capsys) -> None:
    weights = REPOSITORY / 'weights/c2f_shapes.pth'
    load_tool(TOOL).main(
        ['--data-root=data', '--max-iters=7', '--dry-run', f'--checkpoints=full={weights}', *IMAGES]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f'data: shapes in {Path("data/shapes")}'
    assert 'train: shapes/without_attention, 7 of 1200 iterations' in lines
    assert f'test: shapes/full, K = 12, seed 0 of {weights}' in lines
    assert not (empty_shapes / 'work_dirs').exists()


def test_results_of_another_call_are_not_shown(empty_shapes, capsys) -> None:
    weights = REPOSITORY / 'weights/c2f_shapes.pth'
    file = empty_shapes / 'runs/shapes/full_k1_seed0.json'
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({'weights': 'other', 'metrics': {}}))
    said = message(
        ['--data-root=data', '--tables=1', f'--checkpoints=full={weights}', '--work-dir=runs',
         *IMAGES],
        capsys,
    )  # fmt: skip
    assert 'full_k1_seed0.json holds another run (weights other), not the one asked for' in said
    assert 'give another --work-dir' in said
