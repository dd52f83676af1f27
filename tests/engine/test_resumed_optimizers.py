"""Optimizers that go on from the state of one that computed in another way."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn

from c2fseg.engine.resumed_optimizers import settle_resumed_optimizers

from .processes import Process
from .toy_training import train


def make(module: nn.Module, fused: bool | None) -> OptimWrapper:
    """An optimizer wrapper of a module."""
    return OptimWrapper(torch.optim.AdamW(module.parameters(), lr=0.1, fused=fused))


def step(module: nn.Module, wrapper: OptimWrapper, scaled: bool = False) -> None:
    """One update; with a loss scaler as mixed precision on a GPU has it."""
    generator = torch.Generator().manual_seed(0)
    loss = module(torch.randn(2, 3, 8, 8, generator=generator)).square().sum()
    wrapper.zero_grad()
    if not scaled:
        loss.backward()
        wrapper.step()
        return
    scaler = torch.amp.GradScaler('cpu', init_scale=4.0)
    scaler.scale(loss).backward()
    scaler.step(wrapper.optimizer)
    scaler.update()


@pytest.mark.parametrize('scaled', [False, True])
@pytest.mark.parametrize(('before', 'after'), [(None, True), (True, None), (True, True)])
def test_goes_on_as_if_nothing_had_changed(
    before: bool | None, after: bool | None, scaled: bool
) -> None:
    torch.manual_seed(0)
    old = nn.Conv2d(3, 4, 3)
    wrapper = make(old, before)
    step(old, wrapper)
    # The same model in another layout, as after a change of the library.
    new = copy.deepcopy(old).to(memory_format=torch.channels_last)
    resumed = make(new, after)
    resumed.load_state_dict(copy.deepcopy(wrapper.state_dict()))
    settle_resumed_optimizers(OptimWrapperDict(conv=resumed))
    for _ in range(2):
        step(old, wrapper)
        step(new, resumed, scaled)
    assert {group['fused'] for group in resumed.param_groups} == {after}
    for one, other in zip(old.parameters(), new.parameters()):
        torch.testing.assert_close(one, other)


def test_a_training_that_began_without_fused(tmp_path: Path) -> None:
    plain = {'optim_wrapper.optimizer.fused': None}
    options = {'train_cfg.max_iters': 12, 'default_hooks.checkpoint.interval': 6}
    Process(train, tmp_path / 'plain', **plain, **options).wait()
    Process(train, tmp_path / 'run', stop_at=6, **plain, **options).fail()
    Process(train, tmp_path / 'run', resume=True, **options).wait()
    files = [torch.load(tmp_path / name / 'iter_12.pth') for name in ('plain', 'run')]
    assert [file['optimizer']['param_groups'][0]['fused'] for file in files] == [None, True]
    # A bias in front of BatchNorm has no gradient but rounding, and Adam makes whole steps of that.
    follows = ('layers.0.bias', 'layers.1.running_mean')
    states = [{k: v for k, v in f['state_dict'].items() if k not in follows} for f in files]
    assert len(states[0]) == len(files[0]['state_dict']) - 2
    torch.testing.assert_close(*states)
