"""A training that was stopped or killed ends as one that was not."""

from __future__ import annotations

import json
import random
from itertools import islice
from pathlib import Path

import pytest
import torch

from c2fseg.engine import ResumableInfiniteSampler

from .processes import Process
from .toy_training import train

KINDS = ('point', 'mask', 'object', 'clip')
QUICK = {'train_cfg.max_iters': 16, 'train_cfg.val_interval': 6}
EVERY_3 = {'default_hooks.checkpoint.interval': 3}


def assert_equal(one, other, name='checkpoint'):
    """Bit for bit, whatever is nested."""
    assert type(one) is type(other), name
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), name
    elif isinstance(one, dict):
        assert list(one) == list(other), name
        for key in one:
            assert_equal(one[key], other[key], f'{name}.{key}')
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), name
        for index, pair in enumerate(zip(one, other)):
            assert_equal(*pair, f'{name}[{index}]')
    else:
        assert one == other, name


def assert_same_training(one: Path, other: Path, iteration: int, history: bool = True) -> None:
    """Weights, averaged weights, moments, schedules and, by choice, the log's history are equal."""
    first = torch.load(one / f'iter_{iteration}.pth', weights_only=True)
    second = torch.load(other / f'iter_{iteration}.pth', weights_only=True)
    for key in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
        assert_equal(first[key], second[key], key)
    if not history:
        return
    for name in first['message_hub']['log_scalars']:
        if not name.endswith('time'):
            scalars = [file['message_hub']['log_scalars'][name] for file in (first, second)]
            assert_equal(*scalars, name)
    info = [file['message_hub']['runtime_info'] for file in (first, second)]
    assert info[0]['best_score'] == info[1]['best_score']


def draws(work_dir: Path) -> list:
    """(iteration, samples with seeds) in the order they were trained on."""
    path = work_dir / 'draws_0.jsonl'
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith('\n')]


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory) -> dict[str, Path]:
    """One run of each stage that nobody disturbs."""
    root = tmp_path_factory.mktemp('uninterrupted')
    runs = {kind: Process(train, root / kind, kind=kind, **QUICK, **EVERY_3) for kind in KINDS}
    for run in runs.values():
        run.wait()
    return {kind: root / kind for kind in runs}


@pytest.mark.parametrize('kind', KINDS)
def test_a_stopped_run_goes_on(kind, uninterrupted, tmp_path):
    run = tmp_path / 'run'
    Process(train, run, kind=kind, stop_at=9, **QUICK, **EVERY_3).fail()
    reads = {'train_dataloader.dataset.log': str(tmp_path / 'reads')}
    Process(train, run, kind=kind, resume=True, **QUICK, **EVERY_3, **reads).wait()

    assert_same_training(uninterrupted[kind], run, 16)
    assert draws(uninterrupted[kind]) == draws(run)
    read = [int(line) for line in (tmp_path / 'reads').read_text().split()]
    assert read == [seed for _, batch in draws(run)[9:] for _, seed in batch], 'old data was read'


def test_worker_processes_change_nothing(uninterrupted, tmp_path):
    workers = {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True}
    Process(train, tmp_path / 'run', stop_at=7, **QUICK, **EVERY_3, **workers).fail()
    Process(train, tmp_path / 'run', resume=True, **QUICK, **EVERY_3, **workers).wait()
    assert_same_training(uninterrupted['point'], tmp_path / 'run', 16)


@pytest.mark.parametrize('kind', KINDS)
def test_a_killed_run_goes_on(kind, uninterrupted, tmp_path):
    moments = random.Random(kind)
    kills = 0
    for _ in range(6):
        goal = len(draws(tmp_path / 'run')) + moments.randrange(6)
        run = Process(train, tmp_path / 'run', kind=kind, resume=True, **QUICK, **EVERY_3)
        kills += run.kill_when(
            lambda goal=goal: len(draws(tmp_path / 'run')) >= goal, moments.uniform(0, 0.05)
        )
    assert kills > 1
    Process(train, tmp_path / 'run', kind=kind, resume=True, **QUICK, **EVERY_3).wait()

    # A kill in the middle of the last validation can cost its entry in the log, no more.
    assert_same_training(uninterrupted[kind], tmp_path / 'run', 16, history=False)
    expected = dict(draws(uninterrupted[kind]))
    seen = draws(tmp_path / 'run')
    assert {iteration for iteration, _ in seen} == set(range(16))
    assert all(samples == expected[iteration] for iteration, samples in seen)
    assert not list((tmp_path / 'run').glob('*.part'))


def test_what_a_killed_run_left_half_written_is_cleared_away(uninterrupted, tmp_path):
    run = tmp_path / 'run'
    Process(train, run, stop_at=9, **QUICK, **EVERY_3).fail()
    for name in ('iter_12.pth.123.part', 'last_checkpoint.123.part', 'predictions.json.9.part'):
        (run / name).write_text('half')
    Process(train, run, resume=True, **QUICK, **EVERY_3).wait()
    # The last one is not of this training: somebody may be writing it.
    assert [path.name for path in run.glob('*.part')] == ['predictions.json.9.part']
    assert_same_training(uninterrupted['point'], run, 16)


def test_a_damaged_checkpoint_is_passed_over(uninterrupted, tmp_path):
    Process(train, tmp_path / 'run', stop_at=9, **QUICK, **EVERY_3).fail()
    newest = tmp_path / 'run/iter_9.pth'
    assert (tmp_path / 'run/last_checkpoint').read_text() == str(newest)
    newest.write_bytes(newest.read_bytes()[:-2000])

    output = Process(train, tmp_path / 'run', resume=True, **QUICK, **EVERY_3).wait()
    assert f'Passed over when resuming: Checkpoint {newest} is truncated' in output
    assert 'resumed epoch: 0, iter: 6' in output
    assert_same_training(uninterrupted['point'], tmp_path / 'run', 16)


def test_old_checkpoints_go_and_the_best_one_stays(uninterrupted):
    names = sorted(path.name for path in uninterrupted['point'].glob('*.pth'))
    best = [name for name in names if name.startswith('best_toy_weight_iter_')]
    assert len(best) == 1
    assert set(names) - set(best) == {'iter_15.pth', 'iter_16.pth'}


def test_the_log_has_no_warning_about_scopes(uninterrupted):
    for path in uninterrupted.values():
        log = Path(f'{path}.log').read_text()
        warned = [line for line in log.splitlines() if 'WARNING' in line]
        assert not [line for line in warned if 'scope' in line or 'registry' in line]
        assert 'Advance dataloader' not in log


def test_resuming_nothing_starts_at_zero(tmp_path):
    changes = {**QUICK, 'train_cfg.max_iters': 2}
    output = Process(train, tmp_path / 'run', resume=True, **changes).wait()
    assert 'Nothing to resume in' in output
    assert (tmp_path / 'run/iter_2.pth').is_file()


def test_the_order_of_an_unseeded_run_is_kept(tmp_path):
    """Without a fixed seed the drawn one goes on with the checkpoint."""
    unseeded = {'randomness.seed': None, **QUICK, **EVERY_3}
    Process(train, tmp_path / 'run', stop_at=6, **unseeded).fail()
    Process(train, tmp_path / 'run', resume=True, **unseeded).wait()
    info = torch.load(tmp_path / 'run/iter_16.pth')['message_hub']['runtime_info']
    sampler = ResumableInfiniteSampler(range(23), seed=info['sampler_seed_of_training'])
    seeds = [draw.seed for draw in islice(sampler, 64)]
    assert [seed for _, batch in draws(tmp_path / 'run') for _, seed in batch] == seeds
