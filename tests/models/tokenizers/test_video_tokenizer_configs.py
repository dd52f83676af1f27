"""The stage-1 recipes of the video data sets: their numbers, in the paper and in its code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from c2fseg.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs'


def build(name: str):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    model = {**cfg.model, 'perceptual_loss': None, 'data_preprocessor': None}
    with torch.device('meta'):
        return MODELS.build(model), cfg


@pytest.mark.parametrize(
    ('name', 'enlarge', 'codes', 'iterations', 'step'),
    [
        ('vqgan_movid_a', 1.2, 256, 100000, 30000),
        ('vqgan_fishbowl', 1.5, 256, 100000, 30000),
        ('official/vqgan_movid_a_official', 1.2, 256, 100000, 30000),
        ('official/vqgan_fishbowl_official', 1.5, 32, 300000, 100000),
    ],
)
def test_published_numbers(name, enlarge, codes, iterations, step):
    model, cfg = build(name)
    assert model.autoencoder.codebook_size == codes
    assert cfg.model.autoencoder.latent_channels == codes
    assert cfg.train_cfg.max_iters == iterations
    [schedule] = cfg.param_scheduler
    assert (schedule.step_size, schedule.gamma) == (step, 0.5)
    assert cfg.train_dataloader.batch_size == 2
    assert cfg.enlarge == enlarge
    for split in ('train', 'val'):
        pipeline = cfg[f'{split}_dataloader'].dataset.pipeline
        assert (pipeline[0].type, pipeline[0].num_frames) == ('SampleClip', 1)
        [crop] = [step for step in pipeline if step.type == 'CropObject']
        assert (crop.crop_size, crop.enlarge) == (256, enlarge)
    assert cfg.crop_size == model.autoencoder.mask_size[0]


@pytest.mark.parametrize('data', ['movid_a', 'fishbowl'])
def test_losses_are_those_of_kins(data):
    for folder, suffix in (('', ''), ('official/', '_official')):
        kins = Config.fromfile(CONFIGS / f'{folder}vqgan_kins{suffix}.py').model.to_dict()
        video = Config.fromfile(CONFIGS / f'{folder}vqgan_{data}{suffix}.py').model.to_dict()
        assert {**kins, 'autoencoder': None} == {**video, 'autoencoder': None}
