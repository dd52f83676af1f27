"""run_ablations.py: schedules are shortened in proportion, and the table holds the right scores."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from c2fseg.datasets.synthetic import generate_shapes
from tests.engine.processes import Process
from tests.tools.loading import load_tool

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = 'analysis_tools/run_ablations'
PREFIX = 'c2f-image/gt'


def scores(**values: float) -> dict[str, float]:
    """Metrics of one run: the score of a column is that of the hidden part, all others are 0.5."""
    columns = {name.replace('__', '/raw/mIoU_'): value for name, value in values.items()}
    result = {f'{PREFIX}/{column}_hidden_5-95': value for column, value in columns.items()}
    result.update({f'{PREFIX}/{column}': 0.5 for column in columns})
    result.update({f'{PREFIX}/{column}_hidden_5-30': 0.5 for column in columns})
    return result


def test_schedules_shrink_with_the_training():
    config = Config(
        dict(
            train_cfg=dict(max_iters=1000, val_interval=100),
            default_hooks=dict(checkpoint=dict(interval=300)),
            param_scheduler=[
                dict(type='LinearLR', begin=0, end=200),
                dict(type='CosineAnnealingLR', begin=200, end=1000, T_max=800),
                dict(type='ConstantLR'),
            ],
        )
    )
    load_tool(TOOL).shorten(config, 50)
    assert config.train_cfg == dict(max_iters=50, val_interval=51)
    assert config.default_hooks.checkpoint.interval == 50
    assert config.param_scheduler[0] == dict(type='LinearLR', begin=0, end=10)
    assert config.param_scheduler[1] == dict(type='CosineAnnealingLR', begin=10, end=50, T_max=40)
    assert config.param_scheduler[2] == dict(type='ConstantLR')


def test_a_schedule_keeps_an_iteration():
    config = Config(
        dict(
            train_cfg=dict(max_iters=1000, val_interval=100),
            default_hooks=dict(checkpoint=dict(interval=300)),
            param_scheduler=[dict(type='LinearLR', begin=0, end=20)],
        )
    )
    load_tool(TOOL).shorten(config, 10)
    assert config.param_scheduler[0].end == 1


def test_table_shows_the_hidden_subset_in_percent():
    result = scores(coarse__full=0.6, coarse__occ=0.25, refined__full=0.7125, refined__occ=0.333)
    lines = load_tool(TOOL).table({'full': {**result, 'samples': 64, 'seconds': 90}}).splitlines()
    assert lines[2] == '| full | 64 | 60.0 | 25.0 | 71.2 | 33.3 | 1.5 |'
    assert len({line.count('|') for line in lines}) == 1


def test_a_score_is_found_once_or_refused():
    tool = load_tool(TOOL)
    result = scores(refined__full=0.7)
    assert tool.find_score(result, 'refined/raw/mIoU_full') == 0.7
    with pytest.raises(KeyError, match='coarse/raw/mIoU_full'):
        tool.find_score(result, 'coarse/raw/mIoU_full')
    result['c2f-image-strict/gt/refined/raw/mIoU_full_hidden_5-95'] = 0.6
    with pytest.raises(KeyError, match='expected one score'):
        tool.find_score(result, 'refined/raw/mIoU_full')


def run_family(directory: Path, arguments: list[str]) -> None:
    """Runs the tool in a directory that is not the repository."""
    torch.set_num_threads(1)
    directory.mkdir()
    os.chdir(directory)
    generate_shapes('data/shapes', counts={'train': 3, 'val': 1, 'test': 2}, workers=1)
    tool = load_tool(TOOL)
    tool.main(arguments)
    tool.main(arguments)  # finds both results and runs nothing


def test_a_family_runs_and_is_not_run_again(tmp_path):
    for name in ('first', 'second'):
        base = REPOSITORY / 'configs/c2f_shapes.py'
        (tmp_path / f'{name}.py').write_text(f"_base_ = '{base}'\n")
    arguments = [
        *(str(tmp_path / f'{name}.py') for name in ('first', 'second')),
        '--max-iters=1',
        '--work-dir=runs',
        '--cfg-options',
        f'model.tokenizer.init_cfg.checkpoint={REPOSITORY / "weights/vqgan_shapes.pth"}',
        'model.transformer.depth=1',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'test_dataloader.num_workers=0',
        'test_dataloader.batch_size=4',
    ]
    output = Process(run_family, tmp_path / 'family', arguments).wait()
    rows = [line for line in output.splitlines() if line.startswith(('| first', '| second'))]
    assert len(rows) == 1 + 2 + 2 + 2, 'after each run, at the end, and once more'
    for name in ('first', 'second'):
        result = json.loads((tmp_path / f'family/runs/{name}.json').read_text())
        assert result['samples'] == 2
        assert result['max_iters'] == 1
        # Two runs of one process share neither a log nor a folder of the visualizer.
        assert len(list((tmp_path / f'family/runs/{name}').glob('*/*.log'))) == 1
        [scalars] = (tmp_path / f'family/runs/{name}').glob('*/vis_data/scalars.json')
        assert 'mIoU_full' in scalars.read_text()
