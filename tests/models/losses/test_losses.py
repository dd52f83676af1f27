"""Adversarial, reconstruction and perceptual losses against numbers computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from c2fseg.models.losses import AdversarialLoss, MaskReconstructionLoss, PerceptualLoss
from c2fseg.models.losses.perceptual_loss import _fill_vgg

REAL = torch.tensor([2.0, 0.5])
FAKE = torch.tensor([-3.0, 1.0])


def _log1p_exp(*values):
    return sum(math.log(1 + math.exp(v)) for v in values) / len(values)


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('hinge', 0.5 * ((0 + 0.5) / 2 + (0 + 2) / 2)),
        ('vanilla', 0.5 * (_log1p_exp(-2.0, -0.5) + _log1p_exp(-3.0, 1.0))),
    ],
)
def test_discriminator_losses(kind, expected):
    loss = AdversarialLoss(discriminator_loss=kind).discriminator(REAL, FAKE)
    assert float(loss) == pytest.approx(expected)


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('linear', 1.0),
        ('minimax', -_log1p_exp(-3.0, 1.0)),
        ('non_saturating', _log1p_exp(3.0, -1.0)),
    ],
)
def test_generator_losses(kind, expected):
    assert float(AdversarialLoss(generator_loss=kind).generator(FAKE)) == pytest.approx(expected)


@pytest.mark.parametrize('kind', ['linear', 'minimax', 'non_saturating'])
def test_generator_wants_higher_logits(kind):
    logits = FAKE.clone().requires_grad_()
    AdversarialLoss(generator_loss=kind).generator(logits).backward()
    assert (logits.grad < 0).all()


def test_reconstruction_losses():
    target = torch.tensor([[[[1.0, 0.0]]]])
    prediction = torch.tensor([[[[0.5, 1.5]]]])
    assert float(MaskReconstructionLoss('l1')(prediction, target)) == pytest.approx(1.0)
    expected = 3 * _log1p_exp(-0.5, 1.5)
    assert float(MaskReconstructionLoss('bce', 3.0)(prediction, target)) == pytest.approx(expected)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="got 'wasserstein'"):
        AdversarialLoss(discriminator_loss='wasserstein')
    with pytest.raises(ValueError, match="got 'hinge'"):
        AdversarialLoss(generator_loss='hinge')
    with pytest.raises(ValueError, match="got 'l3'"):
        MaskReconstructionLoss('l3')


# Number of each convolution in torchvision's VGG-16 and its channels.
VGG_CONVOLUTIONS = {
    0: (3, 64),
    2: (64, 64),
    5: (64, 128),
    7: (128, 128),
    10: (128, 256),
    12: (256, 256),
    14: (256, 256),
    17: (256, 512),
    19: (512, 512),
    21: (512, 512),
    24: (512, 512),
    26: (512, 512),
    28: (512, 512),
}


@pytest.fixture(scope='module')
def vgg_file(tmp_path_factory):
    """A file with the names and shapes of torchvision's VGG-16, random numbers."""
    torch.manual_seed(0)
    weights = {'classifier.6.bias': torch.zeros(1000)}
    for number, (inputs, outputs) in VGG_CONVOLUTIONS.items():
        scale = (2 / 9 / inputs) ** 0.5
        weights[f'features.{number}.weight'] = scale * torch.randn(outputs, inputs, 3, 3)
        weights[f'features.{number}.bias'] = torch.zeros(outputs)
    path = tmp_path_factory.mktemp('vgg') / 'vgg16.pth'
    torch.save(weights, path)
    return path


@pytest.fixture(scope='module')
def perceptual_loss(vgg_file):
    """Built once: lpips makes a whole VGG-16 of random numbers first."""
    pytest.importorskip('lpips')
    return PerceptualLoss(str(vgg_file), loss_weight=2.0)


def test_perceptual_loss_is_frozen_and_not_saved(perceptual_loss, vgg_file):
    prediction = torch.rand(2, 1, 32, 32, requires_grad=True)
    target = torch.rand(2, 1, 32, 32).round()
    value = perceptual_loss.train()(prediction, target)
    value.backward()
    assert prediction.grad.abs().sum() > 0
    network = perceptual_loss._network[0]
    assert not network.training
    assert not any(p.requires_grad or p.grad is not None for p in network.parameters())
    assert not perceptual_loss.state_dict()
    assert float(perceptual_loss(target, target)) == pytest.approx(0.0, abs=1e-6)
    # One channel is broadcast, weights are those of the file.
    three = network(prediction.expand(-1, 3, -1, -1), target.expand(-1, 3, -1, -1))
    assert value.item() == pytest.approx(2 * three.mean().item(), rel=1e-5)
    stored = torch.load(vgg_file, weights_only=True)['features.0.weight']
    assert torch.equal(next(network.net.parameters()), stored)


def test_a_file_of_something_else_is_refused(perceptual_loss):
    slices = perceptual_loss._network[0].net
    with pytest.raises(KeyError, match=r"'other.pth'.*features\.0\.weight"):
        _fill_vgg(slices, {'fc.weight': torch.zeros(2, 2)}, 'other.pth')


def test_perceptual_loss_moves_with_the_model(perceptual_loss):
    perceptual_loss.to(torch.float64)
    dtypes = {p.dtype for p in perceptual_loss._network[0].parameters()}
    perceptual_loss.to(torch.float32)
    assert dtypes == {torch.float64}


@pytest.mark.parametrize('source', ['', 'nowhere/vgg16.pth'])
def test_missing_vgg_weights_name_both_ways(source):
    with pytest.raises(FileNotFoundError) as error:
        PerceptualLoss(source)
    for part in ('path of a file', 'torchvision://vgg16', 'perceptual_loss=None'):
        assert part in str(error.value)


def test_failed_download_names_both_ways(monkeypatch):
    from mmengine.runner import CheckpointLoader

    def fail(*args, **kwargs):
        raise OSError('no network')

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', fail)
    with pytest.raises(FileNotFoundError, match=r'no network.*path of a file'):
        PerceptualLoss('torchvision://vgg16')
