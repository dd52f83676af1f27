"""Image encoders: maps, strides, the fourth channel, pretrained weights."""

from __future__ import annotations

import pytest
import torch

from c2fseg.models.backbones import LightEncoder, ResNet
from c2fseg.registry import MODELS
from c2fseg.utils.checkpoint import CheckpointError


@torch.no_grad()
def test_resnet_keeps_the_resolution_of_its_last_stage():
    maps = ResNet(depth=18).eval()(torch.zeros(1, 3, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 16, 16),
        (128, 8, 8),
        (256, 4, 4),
        (512, 4, 4),
    ]


def _pretrained(tmp_path, **changes):
    torch.manual_seed(0)
    state = ResNet(depth=18).state_dict()
    state = {k: torch.randn_like(v) if v.is_floating_point() else v for k, v in state.items()}
    state.update({'fc.weight': torch.zeros(10, 512), 'fc.bias': torch.zeros(10), **changes})
    path = tmp_path / 'resnet18.pth'
    torch.save(state, path)
    return state, dict(type='Pretrained', checkpoint=str(path))


def test_a_fourth_channel_starts_as_the_mean_of_the_rgb_kernels(tmp_path):
    state, init_cfg = _pretrained(tmp_path)
    model = ResNet(depth=18, in_channels=4, init_cfg=init_cfg)
    model.init_weights()
    assert torch.equal(model.conv1.weight[:, :3], state['conv1.weight'])
    expected = state['conv1.weight'].mean(dim=1)
    torch.testing.assert_close(model.conv1.weight[:, 3].detach(), expected)
    assert torch.equal(model.layer3[0].conv1.weight, state['layer3.0.conv1.weight'])


def test_pretrained_weights_survive_the_initialisation_of_the_parent(tmp_path):
    from mmengine.model import BaseModule

    state, init_cfg = _pretrained(tmp_path)

    class Parent(BaseModule):
        def __init__(self):
            super().__init__()
            self.backbone = MODELS.build(dict(type='ResNet', depth=18, init_cfg=init_cfg))

    parent = Parent()
    parent.init_weights()
    assert torch.equal(parent.backbone.conv1.weight, state['conv1.weight'])


def test_weights_that_do_not_fit_are_named(tmp_path):
    _, init_cfg = _pretrained(tmp_path, **{'layer5.0.weight': torch.zeros(1)})
    with pytest.raises(RuntimeError, match=r'1 unexpected \(layer5\.0\.weight\)'):
        ResNet(depth=18, init_cfg=init_cfg).init_weights()
    _, init_cfg = _pretrained(tmp_path)
    with pytest.raises(RuntimeError, match=r'missing \(layer1\.2'):
        ResNet(depth=34, init_cfg=init_cfg).init_weights()
    missing = dict(type='Pretrained', checkpoint=str(tmp_path / 'no.pth'))
    with pytest.raises(CheckpointError, match='does not exist'):
        ResNet(depth=18, init_cfg=missing).init_weights()


def test_batch_norm_learns_unless_told_otherwise():
    assert ResNet(depth=18).train().bn1.training
    assert not ResNet(depth=18, bn_eval=True).train().bn1.training
    assert ResNet(depth=18).eval() is not None


@pytest.mark.parametrize(
    'bad',
    [dict(in_channels=2), dict(init_cfg=dict(type='Xavier')), dict(init_cfg=dict(checkpoint='a'))],
)
def test_bad_arguments_of_resnet_are_errors(bad):
    with pytest.raises(ValueError, match='ResNet'):
        ResNet(depth=18, **bad)


@torch.no_grad()
def test_light_encoder_has_one_position_per_token_at_the_end():
    encoder = LightEncoder(in_channels=4, channels=(4, 6, 8, 10), blocks=(1, 0, 0, 1)).eval()
    maps = encoder(torch.zeros(2, 4, 128, 128))
    assert [tuple(m.shape) for m in maps] == [
        (2, 4, 64, 64),
        (2, 6, 32, 32),
        (2, 8, 16, 16),
        (2, 10, 16, 16),
    ]


def test_light_encoder_wants_four_stages():
    with pytest.raises(ValueError, match='four entries'):
        LightEncoder(channels=(4, 6, 8))
