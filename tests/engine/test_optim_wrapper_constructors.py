"""Which parameters the optimizers of the second stage get, and what is said of the others."""

from __future__ import annotations

import logging

import pytest
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from c2fseg.engine import TrainableOptimWrapperConstructor

CONFIG = dict(
    optim_wrapper_cfg=dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, weight_decay=0.2)
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)


def model() -> nn.Module:
    frozen = nn.Sequential(nn.Conv2d(1, 2, 1), nn.GroupNorm(1, 2)).requires_grad_(False)
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    mixed[0].requires_grad_(False)
    return nn.ModuleDict(dict(frozen=frozen, mixed=mixed, whole=nn.Linear(3, 1)))


@pytest.mark.parametrize('kind', [DefaultOptimWrapperConstructor, TrainableOptimWrapperConstructor])
def test_groups_hold_what_is_trained_and_nothing_else(kind):
    net = model()
    groups = kind(**CONFIG)(net).optimizer.param_groups
    trained = [net['mixed'][1].weight, net['mixed'][1].bias, net['whole'].weight, net['whole'].bias]
    assert [id(p) for group in groups for p in group['params']] == [id(p) for p in trained]
    assert [group['weight_decay'] for group in groups] == [0.2, 0.0, 0.2, 0.0]


def test_frozen_modules_are_no_warning(caplog):
    with caplog.at_level(logging.WARNING):
        TrainableOptimWrapperConstructor(**CONFIG)(model())
    assert not caplog.records
