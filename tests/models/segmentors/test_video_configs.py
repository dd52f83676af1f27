"""The recipes for clips: what is trained, what decays, what is off; all configs can be built."""

from __future__ import annotations

import re
from typing import Any

import pytest
from mmengine.config import Config

import c2fseg.datasets
import c2fseg.engine
import c2fseg.evaluation  # noqa: F401  all three register what configs name
from c2fseg.registry import DATASETS, HOOKS, METRICS, MODELS
from tests.models.segmentors.recipes import CONFIGS, empty_model, parameter_groups
from tests.models.segmentors.tiny import tiny_batch

ABLATIONS = CONFIGS / 'ablations/shapes_video'
OWN = ('c2f_shapes_video.py', 'c2f_movid_a.py', 'c2f_fishbowl.py')
OFFICIAL = ('official/c2f_movid_a_official.py', 'official/c2f_fishbowl_official.py')
RECIPES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob('*.py')
    if not {'_base_', 'detectors'} & set(path.parts)  # detectors are mmdet's
)  # fmt: skip
SPLITS = ('train', 'val', 'test')


def flat(node: Any, name: str = '') -> dict[str, Any]:
    """Dotted keys of a config to its values."""
    if not isinstance(node, dict):
        return {name: node}
    parts = {}
    for key, value in node.items():
        parts |= flat(value, f'{name}.{key}' if name else key)
    return parts


def steps(config: Config, split: str, kind: str) -> list[dict]:
    """The transforms of a kind in the pipeline of a split."""
    pipeline = config[f'{split}_dataloader'].dataset.pipeline
    return [step for step in pipeline if step.type == kind]


@pytest.mark.parametrize('name', OWN)
def test_all_but_the_tokenizer_is_trained_and_only_matrices_decay(name):
    groups = parameter_groups(name)
    assert not any(key.startswith('tokenizer.') for key in groups)
    assert all(lr > 0 for lr, _ in groups.values())
    temporal = {key for key in groups if '.temporal_' in key}
    depth = Config.fromfile(CONFIGS / name).model.transformer.depth
    assert len(temporal) == depth * 6  # weight and bias of a norm, of qkv and of proj
    decaying = {key for key, (_, decay) in groups.items() if decay > 0}
    for block in range(depth):
        names = {f'transformer.blocks.{block}.temporal_attn.{x}.weight' for x in ('qkv', 'proj')}
        assert names == decaying & {key for key in temporal if f'.blocks.{block}.' in key}
    for key in decaying:
        assert not key.endswith('bias')
        assert 'embedding' not in key
        assert not re.search(r'norm|\.bn\d', key), key
    assert 'transformer.head.classifier.weight' in decaying


@pytest.mark.parametrize('name', OFFICIAL)
def test_the_reference_way_trains_the_third_norm_and_no_bias_of_the_transformer(name):
    groups = parameter_groups(name)
    untrained = {key for key, (lr, _) in groups.items() if lr == 0}
    biases = {key for key in groups if key.startswith('transformer.') and key.endswith('bias')}
    norms = {
        f'transformer.blocks.{block}.{norm}.weight'
        for block in range(8)
        for norm in ('norm1', 'temporal_norm')
    }
    assert untrained == biases | norms
    assert all(decay == 0.01 for key, (_, decay) in groups.items() if key not in untrained)
    assert {f'transformer.blocks.{block}.norm2.weight' for block in range(8)} <= groups.keys()


@pytest.mark.parametrize(('name', 'window'), zip(OFFICIAL, (24, 16)))
def test_what_is_ours_is_off_in_the_reference_way(name, window):
    model = Config.fromfile(CONFIGS / name).model
    block = model.transformer.block
    assert model.transformer.depth == 8
    assert (block.window_frames, block.window_patch) == (window, 4)
    assert (block.temporal, block.roll, block.wrap_around) == (True, True, True)
    assert block.temporal_position is None
    assert block.zero_init is False
    assert model.test_cfg.fuse_coarse is True
    assert model.test_cfg.upsample == 'nearest'
    assert 'mean' not in model.data_preprocessor
    assert 'init_cfg' not in model
    assert not model.backbone_visible_mask
    assert not model.refiner.use_visible_mask
    assert not model.refiner.use_coarse_mask
    assert model.refiner.state_channels is None
    assert 'consistency_weight' not in model.train_cfg
    assert model.train_cfg.refine_loss == 'bce'


@pytest.mark.parametrize(
    ('data', 'frames', 'real'), [('movid_a', (24, 24), (24, 24)), ('fishbowl', (16, 32), (15, 31))]
)
def test_clips_of_the_reference(data, frames, real):
    """Crops are laid into a corner there; a clip of Fishbowl ends with a copy."""
    ours = Config.fromfile(CONFIGS / f'c2f_{data}.py')
    official = Config.fromfile(CONFIGS / f'official/c2f_{data}_official.py')
    for config, scale in ((ours, 'centre'), (official, 'corner')):
        for split, length, number in zip(('train', 'test'), frames, real):
            [clip] = steps(config, split, 'SampleClip')
            assert (clip.num_frames, clip.mode) == (
                length, 'random' if split == 'train' else 'start'
            )  # fmt: skip
            held = length - number if config is official else 0
            assert clip.get('hold_last', False) == bool(held)
            [crop] = steps(config, split, 'CropObject')
            assert (crop.crop_size, crop.enlarge, crop.track_scale) == (256, 2.0, scale)
            assert not crop.get('square', False)
        assert config.train_dataloader.batch_size == 1
        assert config.train_cfg.max_iters == 150000
        optimizer = config.optim_wrapper.optimizer
        assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 3e-4, 0.01)
    # Rolling carries something in our recipes: a clip for training is two windows long.
    assert frames[0] == 2 * ours.model.transformer.block.window_frames
    assert ours.test_evaluator.to_dict() == official.test_evaluator.to_dict()


def test_gradients_reach_every_trained_part_of_the_light_recipe():
    config = Config.fromfile(CONFIGS / 'c2f_shapes_video.py').model
    config.transformer.depth = 2
    config.transformer.block.update(window_frames=2, zero_init=False)
    model = MODELS.build(config).train()
    batch = tiny_batch(1, num_frames=3, scale=4)
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    trained = {key: p for key, p in model.named_parameters() if p.requires_grad}
    assert [key for key, parameter in trained.items() if parameter.grad is None] == []
    over_time = {key: p for key, p in trained.items() if '.temporal_' in key}
    assert len(over_time) == 2 * 6
    assert all(parameter.grad.any() for parameter in over_time.values())


DIFFERENCES = {
    'full': {},
    'window_of_clip': {'model.transformer.block.window_frames': (6, 12)},
    'with_consistency': {'model.train_cfg.consistency_weight': (None, 1.0)},
    'without_position': {'model.transformer.block.temporal_position': ('rotary', None)},
    'without_roll': {'model.transformer.block.roll': (True, False)},
    'without_st': {
        'model.init_cfg.drop_temporal': (None, True),
        'model.transformer.block.temporal': (True, False),
    },
    'wrap_around': {'model.transformer.block.wrap_around': (False, True)},
}


@pytest.mark.parametrize('name', sorted(path.stem for path in ABLATIONS.glob('*.py')))
def test_an_ablation_changes_what_its_name_says(name):
    paths = CONFIGS / 'c2f_shapes_video.py', ABLATIONS / f'{name}.py'
    full, other = (flat(Config.fromfile(path).to_dict()) for path in paths)
    changed = {
        key: (full.get(key), other.get(key))
        for key in full.keys() | other.keys()
        if full.get(key) != other.get(key)
    }
    assert changed == DIFFERENCES[name]


def test_all_ablations_are_there():
    assert {path.stem for path in ABLATIONS.glob('*.py')} == set(DIFFERENCES)
    [clip] = steps(Config.fromfile(ABLATIONS / 'full.py'), 'train', 'SampleClip')
    [(_, window)] = DIFFERENCES['window_of_clip'].values()
    assert clip.num_frames == window


@pytest.mark.parametrize('name', RECIPES)
def test_every_config_can_be_built(name):
    """Models, transforms, data sets, metrics and hooks know all of their arguments."""
    config = Config.fromfile(CONFIGS / name)
    if 'perceptual_loss' in config.model:
        config.model.perceptual_loss = None  # its weights would be fetched
    empty_model(config)
    splits = [split for split in SPLITS if config.get(f'{split}_dataloader')]
    assert 'test' in splits
    for split in splits:
        dataset = DATASETS.build({**config[f'{split}_dataloader'].dataset, 'lazy_init': True})
        for part in getattr(dataset, 'datasets', [dataset]):
            assert len(part.pipeline.transforms) > 2
            assert part.test_mode == (split != 'train')
        if split != 'train':
            evaluators = config[f'{split}_evaluator']
            for one in evaluators if isinstance(evaluators, list) else [evaluators]:
                METRICS.build(one)
    for hook in config.default_hooks.values():
        HOOKS.build(hook)
