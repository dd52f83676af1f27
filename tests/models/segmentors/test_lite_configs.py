"""The recipes in configs/lite: they learn, their stages fit, and what is compared is comparable."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from c2fseg.registry import MODELS
from tests.models.segmentors.recipes import CONFIGS
from tests.models.segmentors.tiny import SIDE, tiny_batch

LITE = CONFIGS / 'lite'
SETS = ('kins', 'kins_256', 'cocoa', 'd2sa', 'movid_a', 'fishbowl')
CLIPS = ('movid_a', 'fishbowl')
SIZES = ('s', 'm', 'l')
# One recipe of every model.
MODELS_OF = {f'shapes_{size}': 1 for size in (*SIZES, 'published_128')}
MODELS_OF.update(kins_256=1, movid_a=2)


def recipe(name: str) -> Config:
    return Config.fromfile(LITE / f'{name}.py')


def steps(config: Config, split: str, kind: str) -> list[dict]:
    pipeline = config[f'{split}_dataloader'].dataset.pipeline
    return [step for step in pipeline if step.type == kind]


def without_weights(config: Config) -> Config:
    for part in ('tokenizer', 'autoencoder'):
        if part in config.model:
            config.model[part].pop('init_cfg', None)
    return config


@pytest.mark.parametrize(('name', 'frames'), MODELS_OF.items())
def test_gradients_reach_every_trained_part(name, frames):
    config = without_weights(recipe(f'c2f_{name}'))
    config.model.transformer.depth = 2
    if frames > 1:
        # Attention over time begins as nothing, and then its first layers have no gradient.
        config.model.transformer.block.update(zero_init=False, window_frames=1)
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    side = config.crop_size
    batch = tiny_batch(2, num_frames=frames, scale=side // SIDE)
    assert model.tokenizer.grid_size == (16, 16)
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    loss, values = model.parse_losses(losses)
    assert {'loss_token', 'loss_visible', 'loss_amodal'} <= values.keys()
    loss.backward()
    trained = {key: p for key, p in model.named_parameters() if p.requires_grad}
    assert [
        key for key, p in trained.items() if p.grad is None or not p.grad.isfinite().all()
    ] == []


@pytest.mark.parametrize('name', ['kins', 'kins_256', 'shapes_published_128'])
def test_a_training_step_of_stage_one(name):
    config = without_weights(recipe(f'vqgan_{name}'))
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    mask = torch.zeros(1, 1, config.crop_size, config.crop_size)
    mask[..., 20:90, 30:100] = 1
    batch = dict(inputs=dict(mask=[mask, mask.flip(-1)]), data_samples=None)
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert model.autoencoder.encoder.conv_in.weight.grad.any()


@pytest.mark.parametrize('name', SETS)
def test_stage_two_finds_and_fits_what_stage_one_writes(name):
    first, second = recipe(f'vqgan_{name}'), recipe(f'c2f_{name}')
    tokenizer = dict(second.model.tokenizer)
    init_cfg = tokenizer.pop('init_cfg')
    assert init_cfg.checkpoint == f'{first.work_dir}/iter_{first.train_cfg.max_iters}.pth'
    assert init_cfg.prefix == 'autoencoder.'
    assert tokenizer == dict(first.model.autoencoder)
    # Not those of the published recipe of the same name.
    assert first.work_dir == f'work_dirs/lite/vqgan_{name}'
    assert second.work_dir == f'work_dirs/lite/c2f_{name}'


@pytest.mark.parametrize('stage', ['vqgan', 'c2f'])
@pytest.mark.parametrize('name', [*SETS, 'coco_amodal'])
def test_every_split_is_cropped_to_the_size_of_the_model(name, stage):
    config = recipe(f'{stage}_{name}')
    part = config.model.autoencoder if stage == 'vqgan' else config.model.tokenizer
    assert config.crop_size == part.mask_size == (256 if name == 'kins_256' else 128)
    for split in ('train', 'val', 'test'):
        [crop] = steps(config, split, 'CropObject')
        assert crop.crop_size == part.mask_size
        assert crop.square is True
        if split != 'train':
            assert crop.enlarge == 2.0
        assert len(steps(config, split, 'FlipObject')) == (split == 'train')


@pytest.mark.parametrize('name', [name for name in SETS if name != 'kins_256'])
def test_files_splits_and_protocol_are_those_of_the_published_recipe(name):
    light, published = recipe(f'c2f_{name}'), Config.fromfile(CONFIGS / f'c2f_{name}.py')
    for split in ('train', 'val', 'test'):
        ours, theirs = (c[f'{split}_dataloader'].dataset for c in (light, published))
        assert {**ours, 'pipeline': 0} == {**theirs, 'pipeline': 0}
    assert light.test_evaluator == published.test_evaluator
    if name in CLIPS:
        [ours], [theirs] = (steps(c, 'test', 'SampleClip') for c in (light, published))
        assert ours == theirs
        [clip] = steps(light, 'train', 'SampleClip')
        # Rolling carries something from window to window.
        assert clip.num_frames == 2 * light.model.transformer.block.window_frames


@pytest.mark.parametrize('path', sorted(LITE.glob('c2f_*.py')), ids=lambda path: path.stem)
def test_the_refiner_reads_the_whole_state(path):
    model = Config.fromfile(path).model
    dims = model.transformer
    if model.refiner.type == 'SubpixelRefiner':
        width = dims.feature_dims + dims.visible_dims + dims.amodal_dims
        assert model.refiner.state_channels == width
    channels = model.backbone.get('channels', (64, 128, 256, 512))  # a ResNet has no choice
    assert tuple(model.feature_channels) == tuple(channels)


def test_what_is_compared_differs_in_the_model_alone():
    configs = [recipe(f'c2f_shapes_{name}') for name in (*SIZES, 'published_128')]
    for config in configs:
        for key in ('model', 'tokenizer', 'work_dir'):
            config.pop(key)
    assert all(config.to_dict() == configs[0].to_dict() for config in configs)
    first, second = recipe('vqgan_shapes'), recipe('vqgan_shapes_published_128')
    assert first.train_dataloader == second.train_dataloader
    assert first.optim_wrapper == second.optim_wrapper
    assert first.param_scheduler == second.param_scheduler
