"""Two processes equal one with the double batch, and their replicas stay equal."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from c2fseg.registry import HOOKS

from .processes import Process, run_pair
from .toy_training import toy_config, train

# Without a random choice in the losses a batch may be split between processes.
FIXED = dict(
    point={'model.dropout': 0.0},
    mask={'model.autoencoder.revive_every': None},
    object={
        'model.transformer.dropout': 0.0,
        'model.train_cfg': dict(min_mask_ratio=1.0, coarse_top_k=1),
    },
    clip={
        'model.transformer.dropout': 0.0,
        'model.train_cfg': dict(min_mask_ratio=1.0, coarse_top_k=1, consistency_weight=0.5),
        # Losses are means over real frames, of which each process must have as many.
        'train_dataloader.dataset.shortest': 4,
    },
)
COMMON = {
    'train_cfg.max_iters': 5,
    'train_cfg.val_interval': 4,
    'default_hooks.checkpoint.interval': 3,
}


@HOOKS.register_module(force=True)
class KeepReplicaHook(Hook):
    """Saves every process's weights and gradients of the last iteration."""

    priority = 'LOWEST'

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)

    def after_train(self, runner: Runner) -> None:
        model = runner.model.module if hasattr(runner.model, 'module') else runner.model
        replica = {name.replace('module.', ''): value for name, value in model.state_dict().items()}
        torch.save(replica, self.directory / f'replica_{get_rank()}.pth')


def train_pair_member(work_dir: Path, kind: str, launcher: str = 'none', **changes: Any) -> None:
    """One training whose weights are kept; batch statistics are held fixed unless it says not."""
    statistics = changes.pop('fixed_statistics', True)
    hooks = copy.deepcopy(toy_config(work_dir, kind).custom_hooks)
    hooks.append(dict(type='KeepReplicaHook', directory=str(work_dir)))
    if statistics:
        hooks.append(dict(type='FrozenStatisticsHook'))
    train(work_dir, kind, launcher, **{**COMMON, 'custom_hooks': hooks, **changes})


def replicas(work_dir: Path) -> list[dict]:
    return [torch.load(path) for path in sorted(work_dir.glob('replica_*.pth'))]


@pytest.mark.parametrize('kind', ['mask', 'object', 'clip'])
def test_two_processes_equal_one_with_the_double_batch(kind, tmp_path):
    run_pair(train_pair_member, tmp_path / 'pair', kind=kind, **FIXED[kind])
    single = {**FIXED[kind], 'train_dataloader.batch_size': 8}
    Process(train_pair_member, tmp_path / 'single', kind=kind, **single).wait()

    first, second = replicas(tmp_path / 'pair')
    (expected,) = replicas(tmp_path / 'single')
    assert list(first) == list(second) == list(expected)
    for name in expected:
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], expected[name], rtol=1e-3, atol=2e-5, msg=name)


@pytest.mark.parametrize('kind', ['mask', 'object', 'clip'])
def test_replicas_stay_equal_in_an_ordinary_training(kind, tmp_path):
    """Dropout, masks, revived codes and batch statistics differ between the processes."""
    run_pair(train_pair_member, tmp_path / 'pair', kind=kind, fixed_statistics=False)
    first, second = replicas(tmp_path / 'pair')
    for name in first:
        if 'running' not in name:  # each process sees its own batches
            assert torch.equal(first[name], second[name]), name


def test_a_pair_resumes(tmp_path):
    kwargs = dict(kind='point', **FIXED['point'])
    run_pair(train_pair_member, tmp_path / 'whole', **kwargs)
    run_pair(train_pair_member, tmp_path / 'stopped', **kwargs, **{'train_cfg.max_iters': 3})
    run_pair(train_pair_member, tmp_path / 'stopped', **kwargs, resume=True)
    for one, other in zip(replicas(tmp_path / 'whole'), replicas(tmp_path / 'stopped')):
        for name in one:
            assert torch.equal(one[name], other[name]), name
