"""Every setting that the published weights and numbers depend on, config by config.

The expected values are those of the paper's supplement and of the reference implementation.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest
from mmengine.config import Config

from c2fseg.datasets.transforms import CropObject, LoadFrames, SampleClip
from tests.models.segmentors.recipes import CONFIGS

OFFICIAL = CONFIGS / 'official'
EVERY = {
    # Decoding: three steps, tokens drawn from the three most likely, Gumbel noise.
    'decoder.scheduler.type': 'CosineMaskScheduler',
    'decoder.num_steps': 3,
    'decoder.top_k': 3,
    'decoder.temperature': 4.5,
    'decoder.greedy': False,
    # Pictures in [0, 1] and nothing else; the model sees the visible mask as tokens alone.
    'data_preprocessor.mean': None,
    'data_preprocessor.std': None,
    'backbone_visible_mask': False,
    'backbone.type': 'ResNet',
    'backbone.depth': 50,
    'backbone.strides': (1, 2, 2, 1),
    'refiner.attention': True,
    'refiner.output_scale': 2,
    'refiner.use_visible_mask': False,
    'refiner.use_coarse_mask': False,
    'refiner.state_channels': None,
    'test_cfg.threshold': 0.5,
    'test_cfg.upsample': 'nearest',
    'tokenizer.output_activation': 'clamp',
    'tokenizer.mask_size': 256,
}
IMAGES = {
    **EVERY,
    'transformer.depth': 12,
    'transformer.block.type': 'SpatialBlock',
    'test_cfg.fuse_coarse': False,
    'tokenizer.codebook_size': 256,
    'tokenizer.latent_channels': 256,
}
CLIPS = {
    **EVERY,
    'transformer.depth': 8,
    'transformer.block.type': 'SpatioTemporalBlock',
    'transformer.block.temporal': True,
    'transformer.block.roll': True,
    'transformer.block.wrap_around': True,
    'transformer.block.window_patch': 4,
    'transformer.block.temporal_position': None,
    # Refined and coarse probability are added before the threshold.
    'test_cfg.fuse_coarse': True,
}
MODELS = {
    'c2f_kins_official': IMAGES,
    'c2f_kins_lists_official': IMAGES,
    'c2f_kins_intersection_official': IMAGES,
    'c2f_cocoa_official': IMAGES,
    'c2f_cocoa_lists_official': IMAGES,
    'c2f_movid_a_official': {
        **CLIPS,
        'transformer.block.window_frames': 24,
        'tokenizer.codebook_size': 256,
        'tokenizer.latent_channels': 256,
    },
    'c2f_fishbowl_official': {
        **CLIPS,
        'transformer.block.window_frames': 16,
        'tokenizer.codebook_size': 32,
        'tokenizer.latent_channels': 32,
    },
}

# (split, transform, argument): value.
WINDOW = {
    ('test', 'CropObject', 'crop_size'): 256,
    ('train', 'CropObject', 'enlarge'): 2.0,
    ('test', 'CropObject', 'enlarge'): 2.0,
    ('test', 'CropObject', 'square'): False,
    ('test', 'CropObject', 'image_interpolation'): 'bilinear',
    ('test', 'CropObject', 'mask_interpolation'): 'nearest',
}


def of_images(box: str, train: str, test: str) -> dict:
    """Settings of a pipeline of images: box of the window, order of the colours."""
    return {
        **WINDOW,
        ('train', 'CropObject', 'box_from'): box,
        ('test', 'CropObject', 'box_from'): box,
        ('test', 'CropObject', 'track_scale'): None,
        ('train', 'LoadFrames', 'channel_order'): train,
        ('test', 'LoadFrames', 'channel_order'): test,
        ('test', 'SampleClip', 'num_frames'): None,
    }


def of_clips(train_frames: int, test_frames: int, hold_last: bool) -> dict:
    """Settings of a pipeline of clips: frames, and whether the last one is a copy."""
    return {
        **WINDOW,
        ('test', 'CropObject', 'box_from'): 'visible',
        ('train', 'CropObject', 'track_scale'): 'corner',
        ('test', 'CropObject', 'track_scale'): 'corner',
        ('train', 'LoadFrames', 'channel_order'): 'rgb',
        ('test', 'LoadFrames', 'channel_order'): 'rgb',
        ('train', 'SampleClip', 'num_frames'): train_frames,
        ('test', 'SampleClip', 'num_frames'): test_frames,
        ('test', 'SampleClip', 'mode'): 'start',
        ('test', 'SampleClip', 'hold_last'): hold_last,
    }


PIPELINES = {
    'c2f_kins_official': of_images('visible', train='bgr', test='rgb'),
    # Objects of the lists bring the boxes of the detector; each record says its colours.
    'c2f_kins_lists_official': of_images('record', train='record', test='record'),
    # The published test set: RGB, pictures resized to the size of the detector's masks.
    'c2f_kins_intersection_official': {
        **of_images('record', train='bgr', test='rgb'),
        ('train', 'CropObject', 'box_from'): 'visible',
        ('test', 'LoadFrames', 'size_mismatch'): 'resize',
    },
    'c2f_cocoa_official': of_images('amodal', train='bgr', test='bgr'),
    'c2f_cocoa_lists_official': of_images('record', train='record', test='record'),
    'c2f_movid_a_official': of_clips(24, 24, hold_last=False),
    'c2f_fishbowl_official': of_clips(16, 32, hold_last=True),
}
# Blur, dilation or erosion, share of dilation, extra blur.
NOISE = {
    'c2f_kins_official': (0.2, 0.4, 0.55, 0.1),
    'c2f_kins_lists_official': (0.2, 0.4, 0.55, 0.1),
    'c2f_kins_intersection_official': (0.2, 0.4, 0.55, 0.1),
    'c2f_cocoa_official': (0.2, 0.7, 0.6, 0.2),
    'c2f_cocoa_lists_official': (0.2, 0.7, 0.6, 0.2),
    'c2f_movid_a_official': (0.1, 0.5, 0.5, 0.1),
    'c2f_fishbowl_official': (0.1, 0.5, 0.5, 0.1),
}
# Data sets of training and test, protocol, source of the visible masks in the test.
TESTS = {
    'c2f_kins_official': ('KINSDataset', 'KINSDataset', 'c2f-image', 'gt'),
    'c2f_kins_lists_official': (
        'KINSListDataset', 'KINSListDataset', 'c2f-image', 'pred:aisformer'
    ),
    'c2f_kins_intersection_official': (
        'KINSDataset', 'KINSListDataset', 'c2f-image', 'pred:kins_intersection'
    ),
    'c2f_cocoa_official': ('COCOADataset', 'COCOADataset', 'c2f-image', 'gt'),
    'c2f_cocoa_lists_official': (
        'COCOAListDataset', 'COCOAListDataset', 'c2f-image', 'pred:published_lists'
    ),
    'c2f_movid_a_official': ('MOViDADataset', 'MOViDADataset', 'c2f-video', 'gt'),
    'c2f_fishbowl_official': ('FishbowlDataset', 'FishbowlDataset', 'c2f-video', 'gt'),
}  # fmt: skip
# Iterations, warm-up, samples of an iteration.
RUNS = {
    'c2f_kins_official': (150000, 5000, 16),
    'c2f_kins_lists_official': (150000, 5000, 16),
    'c2f_kins_intersection_official': (150000, 5000, 16),
    'c2f_cocoa_official': (10000, 3000, 16),
    'c2f_cocoa_lists_official': (10000, 3000, 16),
    'c2f_movid_a_official': (150000, 5000, 1),
    'c2f_fishbowl_official': (150000, 5000, 1),
}
# Stage 1: iterations, iterations between halvings, masks, enlargement of the box, box.
TOKENIZERS = {
    'vqgan_kins_official': (100000, 30000, 4, (1.5, 3.0), 2.0, 'visible'),
    'vqgan_cocoa_official': (100000, 30000, 4, (1.5, 3.0), 2.0, 'amodal'),
    'vqgan_movid_a_official': (100000, 30000, 2, 1.2, 1.2, 'visible'),
    'vqgan_fishbowl_official': (300000, 100000, 2, 1.5, 1.5, 'visible'),
}
# What an argument is where a config leaves it out.
DEFAULTS = {
    'square': False,
    'image_interpolation': 'bilinear',
    'mask_interpolation': 'nearest',
    'track_scale': None,
    'box_from': 'visible',
    'channel_order': 'rgb',
    'hold_last': False,
    'fuse_coarse': False,
}


@functools.cache
def load(name: str) -> Config:
    """An official config, read once; no test changes it."""
    return Config.fromfile(OFFICIAL / f'{name}.py')


def stage_1_of(name: str) -> str:
    """The config of the tokenizer that a config starts from."""
    for other in ('_intersection', '_lists'):
        name = name.replace(other, '')
    return name.replace('c2f_', 'vqgan_')


def value_at(node: Any, key: str) -> Any:
    """The value at a dotted key, or the default where the config has none."""
    for part in key.split('.'):
        if part not in node:
            return DEFAULTS.get(part)
        node = node[part]
    return node


def argument(config: Config, split: str, kind: str, name: str) -> Any:
    """An argument of the one transform of a kind; None where there is no such transform."""
    pipeline = config[f'{split}_dataloader'].dataset.pipeline
    steps = [step for step in pipeline if step.type == kind]
    assert len(steps) <= 1
    return steps[0].get(name, DEFAULTS.get(name)) if steps else None


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return found is not None and tuple(found) == expected
    return found == expected and isinstance(found, bool) == isinstance(expected, bool)


def test_every_official_config_is_in_the_tables():
    names = {path.stem for path in OFFICIAL.glob('*.py')}
    assert names == set(MODELS) | set(TOKENIZERS)
    assert set(MODELS) == set(PIPELINES) == set(NOISE) == set(TESTS) == set(RUNS)
    assert {stage_1_of(name) for name in MODELS} == set(TOKENIZERS)


@pytest.mark.parametrize(
    ('kind', 'names'),
    [
        (CropObject, ('square', 'image_interpolation', 'mask_interpolation', 'track_scale')),
        (CropObject, ('box_from',)),
        (LoadFrames, ('channel_order',)),
        (SampleClip, ('hold_last',)),
    ],
)
def test_the_defaults_of_the_tables_are_those_of_the_transforms(kind, names):
    parameters = inspect.signature(kind).parameters
    assert {name: parameters[name].default for name in names} == {
        name: DEFAULTS[name] for name in names
    }


@pytest.mark.parametrize(('name', 'key'), [(name, key) for name in MODELS for key in MODELS[name]])
def test_model(name, key):
    found = value_at(load(name).model, key)
    assert same(found, MODELS[name][key]), found


@pytest.mark.parametrize('name', PIPELINES)
def test_pipeline(name):
    config = load(name)
    found = {key: argument(config, *key) for key in PIPELINES[name]}
    wrong = {key: v for key, v in found.items() if not same(v, PIPELINES[name][key])}
    assert wrong == {}
    # What the metric needs is packed, and validation on the same data sees what the test sees.
    for split in ('val', 'test'):
        assert argument(config, split, 'PackAmodalInputs', 'pack_full_masks') is True
    if config.val_dataloader.dataset.type == config.test_dataloader.dataset.type:
        pipelines = [config[f'{split}_dataloader'].dataset.pipeline for split in ('val', 'test')]
        assert pipelines[0] == pipelines[1]


@pytest.mark.parametrize('name', NOISE)
def test_noise_of_the_visible_mask(name):
    config = load(name)
    keys = ('blur_prob', 'morph_prob', 'dilate_prob', 'extra_blur_prob')
    found = tuple(argument(config, 'train', 'PerturbVisibleMask', key) for key in keys)
    assert found == NOISE[name]
    kernels = {'morph_rounds': (1, 4), 'kernel_sides': (5, 13), 'blur_side': 35, 'blur_sigma': 11.0}
    for key, expected in kernels.items():
        assert same(argument(config, 'train', 'PerturbVisibleMask', key), expected)
    assert argument(config, 'test', 'PerturbVisibleMask', 'blur_prob') is None
    assert argument(config, 'train', 'FlipObject', 'prob') is None


@pytest.mark.parametrize('name', RUNS)
def test_run(name):
    config = load(name)
    iterations, warm_up, batch = RUNS[name]
    assert (config.train_cfg.max_iters, config.train_dataloader.batch_size) == (iterations, batch)
    rise, fall = config.param_scheduler
    assert (rise.type, rise.begin, rise.end) == ('LinearLR', 0, warm_up)
    assert (fall.type, fall.power, fall.eta_min) == ('PolyLR', 1.0, 0.0)
    assert (fall.begin, fall.end) == (warm_up, iterations)
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 3e-4, 0.01)
    assert tuple(optimizer.betas) == (0.9, 0.95)


@pytest.mark.parametrize('name', TESTS)
def test_what_is_tested(name):
    config = load(name)
    train, test, protocol, source = TESTS[name]
    assert config.train_dataloader.dataset.type == train
    assert config.test_dataloader.dataset.type == test
    evaluator = config.test_evaluator
    assert (evaluator.protocol, evaluator.visible_source) == (protocol, source)
    assert 'indices' not in config.test_dataloader.dataset
    assert config.test_dataloader.dataset.test_mode is True
    assert not config.train_dataloader.dataset.get('test_mode', False)


@pytest.mark.parametrize('name', MODELS)
def test_stage_2_starts_from_the_tokenizer_of_its_own_stage_1(name):
    config = load(name)
    stage1 = stage_1_of(name)
    iterations = load(stage1).train_cfg.max_iters
    init = config.model.tokenizer.init_cfg
    assert init.checkpoint == f'work_dirs/{stage1}/iter_{iterations}.pth'
    assert init.prefix == 'autoencoder.'
    same_keys = ('codebook_size', 'latent_channels', 'base_channels', 'channel_multipliers')
    for key in same_keys:
        assert config.model.tokenizer[key] == load(stage1).model.autoencoder[key]


@pytest.mark.parametrize('name', TOKENIZERS)
def test_stage_1(name):
    config = load(name)
    iterations, halving, batch, train_enlarge, test_enlarge, box = TOKENIZERS[name]
    assert (config.train_cfg.max_iters, config.train_dataloader.batch_size) == (iterations, batch)
    [schedule] = config.param_scheduler
    assert (schedule.type, schedule.step_size, schedule.gamma) == ('StepLR', halving, 0.5)
    assert same(argument(config, 'train', 'CropObject', 'enlarge'), train_enlarge)
    assert same(argument(config, 'test', 'CropObject', 'enlarge'), test_enlarge)
    for split in ('train', 'test'):
        assert argument(config, split, 'CropObject', 'box_from') == box
        assert argument(config, split, 'ChooseMaskTarget', 'visible_prob') == 0.0
    model = config.model
    assert (model.codebook_weight, model.commitment_weight) == (0.25, 1.0)
    assert (model.adversarial_weight, model.adaptive_delta) == (0.75, 1e-4)
    assert (model.max_adaptive_weight, model.adversarial_start) == (1e4, 0)
    assert model.adversarial_loss.discriminator_loss == 'hinge'
    assert model.adversarial_loss.generator_loss == 'linear'
    assert model.reconstruction_loss.kind == 'l1'
    assert model.autoencoder.revive_every is None
    assert (model.discriminator.num_layers, model.discriminator.base_channels) == (2, 64)
    for part in ('autoencoder', 'discriminator'):
        optimizer = config.optim_wrapper[part].optimizer
        assert (optimizer.type, optimizer.lr) == ('Adam', 5e-5)
        assert tuple(optimizer.betas) == (0.5, 0.9)
