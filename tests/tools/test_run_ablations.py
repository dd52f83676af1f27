"""run_ablations.py: schedules are shortened in proportion, and the table holds the right scores."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from c2fseg.datasets.synthetic import generate_clips, generate_shapes
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
    assert config.train_cfg == dict(max_iters=50, val_interval=51, val_begin=51)
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
    full = '*/refined/raw/mIoU_full_hidden_5-95'
    assert tool.find_score(result, full) == 0.7
    with pytest.raises(KeyError, match='coarse/raw/mIoU_full'):
        tool.find_score(result, tool.COLUMNS['coarse full'])
    assert math.isnan(tool.find_score(result, tool.COLUMNS['coarse full'], needed=False))
    result['c2f-image-strict/gt/refined/raw/mIoU_full_hidden_5-95'] = 0.6
    with pytest.raises(KeyError, match='expected one score'):
        tool.find_score(result, full)


def clip_scores(hidden: bool = True) -> dict[str, float]:
    """What VideoAmodalIoU returns for one run; each number that is shown is there once."""
    result = {}
    for stage, first in (('coarse', 0.1), ('refined', 0.5)):
        frames, tracks = f'frames/gt/{stage}/raw', f'c2f-video/gt/{stage}/raw'
        result |= {
            f'{tracks}/mIoU_full': first + 0.01,
            f'{tracks}/mIoU_occ': first + 0.02,
            f'{tracks}/pooled/mIoU_full': 0.99,
            f'{tracks}/pooled/mIoU_occ': 0.99,
            f'{frames}/mIoU_full_hidden_5-95': first + 0.03,
            f'{frames}/mIoU_occ_hidden_5-95': first + 0.04,
            f'{frames}/mIoU_full_hidden_5-30': 0.99,
            f'{frames}/stability': first + 0.05,
            f'{frames}/truth_stability': 0.961,
        }
        if hidden:
            result[f'{frames}/hidden_frames/mIoU_full'] = first + 0.06
    return result


def test_clips_get_their_own_columns():
    rows = {
        'full': {**clip_scores(), 'samples': 48, 'seconds': 120},
        'without_st': {**clip_scores(hidden=False), 'samples': 48, 'seconds': 60},
    }
    head, _, first, second, _, caption = load_tool(TOOL).table(rows).splitlines()
    cells = dict(zip(head.split(' | '), first.split(' | ')))
    assert cells['clips'] == '48'
    shown = {
        'coarse full': '13.0',
        'coarse occ': '14.0',
        'refined full': '53.0',
        'refined occ': '54.0',
        'tracks full': '51.0',
        'tracks occ': '52.0',
        'unseen full': '56.0',
        'stability': '55.0',
    }
    assert {key: cells[key] for key in shown} == shown
    assert second.split(' | ')[-3:] == ['-', '55.0', '1.0 |']
    assert head.count('|') == first.count('|') == second.count('|')
    assert '(truth: 96.1)' in caption


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (dict(max_iters=300), 'full.json holds another run (max_iters 300), not'),
        (dict(config='b'), 'another run (config b), not the one asked for (config /'),
        (dict(options={'model.depth': '2'}), "(options {'model.depth': '2'}), not the one"),
    ],
)
def test_results_of_another_run_are_not_shown(changes, words, tmp_path, capsys):
    """Two folders have a full.py, and a longer run is not this one."""
    config = tmp_path / 'full.py'
    config.write_text("_base_ = 'unread.py'\n")
    stored = {**scores(refined__full=0.5), 'max_iters': 150, 'samples': 2, 'seconds': 1}
    (tmp_path / 'full.json').write_text(json.dumps({**stored, 'config': str(config), **changes}))
    with pytest.raises(SystemExit):
        load_tool(TOOL).main([str(config), '--max-iters=150', f'--work-dir={tmp_path}'])
    error = capsys.readouterr().err
    assert words in error
    assert 'give another --work-dir' in error


def run_family(directory: Path, arguments: list[str]) -> None:
    """Runs the tool in a directory that is not the repository."""
    torch.set_num_threads(1)
    directory.mkdir()
    os.chdir(directory)
    counts = {'train': 2, 'val': 1, 'test': 1}
    if 'shapes_video' in arguments[0]:
        generate_clips('data/shapes_video', counts, workers=1, frames=4, progress=False)
    else:
        generate_shapes('data/shapes', counts=counts, workers=1)
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
        'default_hooks.logger.interval=1',
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
        assert 'loss_token' in scalars.read_text()


def test_a_family_of_clips_runs(tmp_path):
    """The metric of clips returns what the table asks for, in a form that JSON can hold."""
    arguments = [
        str(REPOSITORY / 'configs/ablations/shapes_video/without_roll.py'),
        '--max-iters=1',
        '--work-dir=runs',
        '--cfg-options',
        'model.init_cfg=None',
        'model.transformer.depth=1',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'train_dataloader.dataset.pipeline.0.num_frames=3',
        'test_dataloader.num_workers=0',
    ]
    output = Process(run_family, tmp_path / 'family', arguments).wait()
    *_, head, _, row, _, caption = output.splitlines()
    cells = dict(zip(head.split(' | '), row.split(' | ')))
    assert row.startswith('| without_roll | 2 |')
    result = json.loads((tmp_path / 'family/runs/without_roll.json').read_text())
    start = 'c2f-video/gt/refined/raw/mIoU'
    for column, key in (
        ('tracks full', f'{start}_full'),
        ('tracks occ', f'{start}_occ'),
        ('refined full', 'frames/gt/refined/raw/mIoU_full_hidden_5-95'),
        ('stability', 'frames/gt/refined/raw/stability'),
    ):
        assert cells[column] == f'{100 * result[key]:.1f}'
    assert 'unseen full' in cells
    assert 'truth: ' in caption
