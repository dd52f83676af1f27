"""Training steps of stage 1 with one optimizer and with two."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmengine.structures import PixelData
from torch import nn

import c2fseg.engine  # noqa: F401  registers the constructor
from c2fseg.models.tokenizers.adaptive_weight import adaptive_adversarial_weight
from c2fseg.registry import MODELS
from c2fseg.structures import AmodalDataSample

ADAM = {'type': 'OptimWrapper', 'optimizer': {'type': 'Adam', 'lr': 1e-3}}
TWO_OPTIMIZERS = {
    'constructor': 'c2fseg.MultiOptimWrapperConstructor',
    'autoencoder': ADAM,
    'discriminator': ADAM,
}


@pytest.fixture
def build(tiny_autoencoder):
    """Builds a small MaskVQGAN; keyword arguments change its config."""

    def _build(**changes):
        torch.manual_seed(0)
        cfg = {
            'type': 'MaskVQGAN',
            'autoencoder': tiny_autoencoder,
            'reconstruction_loss': {'type': 'MaskReconstructionLoss', 'kind': 'bce'},
            'data_preprocessor': {'type': 'BaseDataPreprocessor'},
            **changes,
        }
        return MODELS.build(cfg)

    return _build


@pytest.fixture
def gan(build):
    """A MaskVQGAN with a small discriminator."""
    discriminator = {
        'type': 'PatchDiscriminator',
        'base_channels': 4,
        'num_layers': 1,
        'norm_cfg': {'type': 'BN'},
    }

    def _build(**changes):
        adversarial = {'type': 'AdversarialLoss'}
        return build(discriminator=discriminator, adversarial_loss=adversarial, **changes)

    return _build


def _batch(masks):
    return {'inputs': {'mask': masks[:, None]}, 'data_samples': None}


def test_fifty_steps_learn_a_few_ellipses(build, masks):
    model = build()
    optim = build_optim_wrapper(model, ADAM)
    logs = [model.train_step(_batch(masks), optim) for _ in range(50)]
    first, last = (log['loss_reconstruction'].detach() for log in (logs[0], logs[-1]))
    assert last < 0.5 * first
    assert {'loss', 'loss_codebook', 'loss_commitment'} <= logs[0].keys()
    # What is no loss is logged, but not added up.
    total = sum(v for k, v in logs[-1].items() if k.startswith('loss_'))
    torch.testing.assert_close(logs[-1]['loss'], total)
    assert 1 <= float(logs[-1]['codebook_perplexity']) <= 16


@pytest.mark.parametrize(
    ('changes', 'missing'),
    [
        ({'codebook_weight': None}, 'loss_codebook'),
        ({'commitment_weight': None}, 'loss_commitment'),
    ],
)
def test_losses_can_be_switched_off(build, masks, changes, missing):
    losses = build(**changes)(**_batch(masks), mode='loss')
    assert missing not in losses
    assert len([key for key in losses if 'loss' in key]) == 2


def test_codebook_and_commitment_weights(build, masks):
    losses = build(codebook_weight=2.0, commitment_weight=0.5)(**_batch(masks), mode='loss')
    torch.testing.assert_close(losses['loss_codebook'], 4 * losses['loss_commitment'])


def test_two_optimizers_step_in_turn(gan, masks):
    model = gan()
    optim = build_optim_wrapper(model, TWO_OPTIMIZERS)
    assert isinstance(optim, OptimWrapperDict)
    before = {key: value.clone() for key, value in model.named_parameters()}
    logs = model.train_step(_batch(masks), optim)
    assert {'loss_discriminator', 'loss_adversarial', 'adaptive_weight'} <= logs.keys()
    changed = {
        k.split('.')[0] for k, v in model.named_parameters() if not torch.equal(v, before[k])
    }
    assert changed == {'autoencoder', 'discriminator'}
    # The autoencoder's step leaves no gradient with the discriminator.
    assert all(p.grad is None for p in model.discriminator.parameters())


def test_discriminator_waits_for_its_start(gan, masks):
    model = gan(adversarial_start=2)
    optim = build_optim_wrapper(model, TWO_OPTIMIZERS)
    seen = ['loss_discriminator' in model.train_step(_batch(masks), optim) for _ in range(4)]
    assert seen == [False, False, True, True]
    assert 'num_updates' in model.state_dict()


def test_adaptive_weight_by_hand():
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    rec = (torch.tensor([3.0, 4.0]) * weight).sum()  # gradient (3, 4), norm 5
    adv = (torch.tensor([0.0, 2.0]) * weight).sum()  # gradient (0, 2), norm 2
    assert float(adaptive_adversarial_weight(rec, adv, weight)) == pytest.approx(2.5)
    assert float(adaptive_adversarial_weight(rec, adv, weight, delta=0.5)) == pytest.approx(2.0)
    assert float(adaptive_adversarial_weight(rec, adv, weight, max_weight=1.5)) == 1.5
    flat = (0 * weight).sum()
    assert float(adaptive_adversarial_weight(rec, flat, weight, delta=1e-6)) == pytest.approx(5e6)


def test_adversarial_loss_is_scaled_by_both_weights(gan, masks):
    logs = []
    for factor in (1.0, 0.75):
        model = gan(adversarial_weight=factor)
        logs.append(model.train_step(_batch(masks), build_optim_wrapper(model, TWO_OPTIMIZERS)))
    ratio = float(logs[1]['loss_adversarial']) / float(logs[0]['loss_adversarial'])
    assert ratio == pytest.approx(0.75, rel=1e-4)


def test_predict_writes_reconstructions(build, masks):
    model = build().eval()
    samples = [AmodalDataSample(metainfo={'sample_id': str(i)}) for i in range(2)]
    clips = masks.view(2, 2, 1, 32, 32)
    outputs = model({'mask': clips}, samples, mode='predict')
    assert [sample.sample_id for sample in outputs] == ['0', '1']
    assert isinstance(outputs[0].pred_crop_masks, PixelData)
    expected = model.autoencoder.decode(model.autoencoder.encode(masks))
    torch.testing.assert_close(outputs[1].pred_crop_masks.reconstruction, expected[2:, 0])


def test_wrong_optimizers_are_named(gan, build, masks):
    model = gan()
    with pytest.raises(TypeError, match='MultiOptimWrapperConstructor'):
        model.train_step(_batch(masks), build_optim_wrapper(model, ADAM))
    with pytest.raises(RuntimeError, match='two optimizers'):
        model(**_batch(masks), mode='loss')
    one = build_optim_wrapper(
        model, {'constructor': 'c2fseg.MultiOptimWrapperConstructor', 'autoencoder': ADAM}
    )
    with pytest.raises(KeyError, match=r"named 'discriminator', got \['autoencoder'\]"):
        model.train_step(_batch(masks), one)
    with pytest.raises(AttributeError, match=r"'generator'.*autoencoder"):
        build_optim_wrapper(
            build(), {'constructor': 'c2fseg.MultiOptimWrapperConstructor', 'generator': ADAM}
        )
    with pytest.raises(ValueError, match='paramwise_cfg'):
        build_optim_wrapper(model, {**TWO_OPTIMIZERS, 'paramwise_cfg': {}})
    with pytest.raises(TypeError, match='autoencoder'):
        build_optim_wrapper(
            model, {'constructor': 'c2fseg.MultiOptimWrapperConstructor', 'autoencoder': 1}
        )


def test_parts_that_do_not_fit_are_refused(build, gan, tiny_autoencoder):
    with pytest.raises(ValueError, match='belong together'):
        build(adversarial_loss={'type': 'AdversarialLoss'})
    with pytest.raises(ValueError, match='needs a loss on its output'):
        build(reconstruction_loss=None)
    with pytest.raises(ValueError, match='autocast'):
        build(autocast='float8')
    with pytest.raises(ValueError, match="output_activation='sigmoid', got 'clamp'"):
        build(autoencoder={**tiny_autoencoder, 'output_activation': 'clamp'})
    with pytest.raises(ValueError, match="got 'sum'"):
        build()(**_batch(torch.zeros(1, 1, 32, 32)), mode='sum')
