"""The stage-1 recipes say what the paper, its code and the light variant do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from c2fseg.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs'


def _build(name):
    cfg = Config.fromfile(CONFIGS / name)
    # Neither VGG-16 weights nor memory: only whether every argument fits.
    model = {**cfg.model, 'perceptual_loss': None, 'data_preprocessor': None}
    with torch.device('meta'):
        return MODELS.build(model), cfg


@pytest.mark.parametrize('name', ['vqgan_kins.py', 'official/vqgan_kins_official.py'])
def test_published_recipe(name):
    model, cfg = _build(name)
    names = {key for key in cfg.optim_wrapper if key != 'constructor'}
    assert names <= dict(model.named_children()).keys()
    assert all(cfg.optim_wrapper[key].optimizer.lr == 5e-5 for key in names)
    assert cfg.train_cfg.max_iters == 100000
    assert cfg.train_dataloader.batch_size == 4
    assert cfg.model.perceptual_loss.vgg_weights == 'torchvision://vgg16'
    assert cfg.crop_size == model.autoencoder.mask_size[0]


def test_paper_and_code_differ_where_they_should():
    paper, code = _build('vqgan_kins.py')[0], _build('official/vqgan_kins_official.py')[0]
    assert (paper.codebook_weight, paper.commitment_weight) == (1.0, 0.25)
    assert (code.codebook_weight, code.commitment_weight) == (0.25, 1.0)
    assert (paper.adaptive_delta, code.adaptive_delta) == (1e-6, 1e-4)
    assert (code.adversarial_weight, code.max_adaptive_weight) == (0.75, 1e4)
    assert paper.adversarial_loss.discriminator_loss == 'vanilla'
    assert code.adversarial_loss.discriminator_loss == 'hinge'
    assert paper.autoencoder.quantizer.revive_every == 20
    assert code.autoencoder.quantizer.revive_every is None


def test_light_recipe_needs_no_discriminator_and_no_perceptual_network():
    model, cfg = _build('vqgan_shapes.py')
    assert model.discriminator is None
    assert cfg.model.perceptual_loss is None
    assert cfg.crop_size == model.autoencoder.mask_size[0]
