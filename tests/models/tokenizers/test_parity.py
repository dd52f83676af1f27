"""Tokenizer and discriminator agree with what the reference implementation returned.

They are those of the models under ``configs/official``, so these are the published ones.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from c2fseg.models.losses import AdversarialLoss
from c2fseg.models.tokenizers.official import (
    convert_discriminator_state,
    convert_tokenizer_state,
)
from tests.models.segmentors.recipes import CONFIGS, empty_model
from tests.parity_helpers import (
    ellipse_masks,
    formula_weights,
    load_fixture,
    load_manifest,
)

TOKENIZERS = {
    'vqgan': ('vqgan_KINS.pth', 'kins'),
    'vqgan_fishbowl': ('vqgan_Fishbowl.pth', 'fishbowl'),
}


def _assert_close(actual: torch.Tensor, expected: np.ndarray) -> None:
    """Agreement to 1e-4 of the largest number."""
    difference = np.abs(actual.numpy() - expected).max()
    assert difference <= 1e-4 * np.abs(expected).max()


def official_part(config: str, part: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """A part of the model of an official config, with these weights."""
    config = Config.fromfile(CONFIGS / f'official/{config}_official.py')
    if 'perceptual_loss' in config.model:
        config.model.perceptual_loss = None  # its weights would be fetched
    module = getattr(empty_model(config), part)
    module.load_state_dict(state, strict=True, assign=True)
    return module.eval()


@pytest.mark.parametrize('name', TOKENIZERS)
@torch.no_grad()
def test_tokenizer_agrees_with_the_reference(name):
    file_name, dataset = TOKENIZERS[name]
    expected = load_fixture(name)
    shapes = load_manifest('tokenizer_manifest')[file_name]['g_model']
    state = convert_tokenizer_state(formula_weights('g_model', shapes))
    model = official_part(f'c2f_{dataset}', 'tokenizer', state)
    model.to(memory_format=torch.channels_last)  # as it is built; the weights above came anew
    full, visible = ellipse_masks()

    # Not every mask of the fixture: one costs a quarter of a TFLOP.
    latent = model.encode_latent(torch.cat([full, visible[:1]]))
    _assert_close(latent[:2, :8], expected['latent'])

    quantised = model.quantizer(latent[:2])
    loss = 0.25 * quantised.codebook_loss + quantised.commitment_loss
    assert float(loss) == pytest.approx(float(expected['codebook_loss']), rel=1e-4)
    tokens = model.quantizer.tokenize(latent).numpy()
    stored = np.concatenate([expected['tokens'], expected['visible_tokens'][:1]])
    assert (tokens == stored).mean() >= 0.995

    codes = model.quantizer.lookup(torch.from_numpy(stored[:1]).long(), model.grid_size)
    raw = model.decoder(model.post_quant_conv(codes))
    _assert_close(raw[:, :, 2::4, 2::4], expected['decoded'][:1])


@pytest.fixture(scope='module')
def discriminator():
    shapes = load_manifest('tokenizer_manifest')['vqgan_KINS.pth']['d_model']
    weights = formula_weights('d_model', shapes)
    weights['perceptual_loss.lin0.model.1.weight'] = torch.zeros(
        1
    )  # what a published file also holds
    state = convert_discriminator_state(weights)
    return official_part('vqgan_kins', 'discriminator', state)


@torch.no_grad()
def test_discriminator_agrees_with_the_reference(discriminator):
    expected = load_fixture('discriminator')
    full, visible = ellipse_masks()
    real, fake = discriminator(full), discriminator(visible)
    _assert_close(real, expected['logits_full'])
    _assert_close(fake, expected['logits_visible'])
    for kind in ('hinge', 'vanilla'):
        loss = AdversarialLoss(discriminator_loss=kind).discriminator(real, fake)
        assert float(loss) == pytest.approx(float(expected[f'{kind}_d_loss']), rel=1e-4)


def test_a_foreign_section_is_refused():
    with pytest.raises(KeyError, match=r'quantize\.embedding\.weight'):
        convert_tokenizer_state({'weight': torch.zeros(1)})
    with pytest.raises(KeyError, match=r'discriminator\.main'):
        convert_discriminator_state({'weight': torch.zeros(1)})
