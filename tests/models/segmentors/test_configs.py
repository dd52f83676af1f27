"""The recipes of stage 2: what is trained, what decays, what is off."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from c2fseg.registry import MODELS
from tests.models.segmentors.recipes import CONFIGS, parameter_groups
from tests.models.segmentors.tiny import tiny_batch


@pytest.mark.parametrize('name', ['c2f_kins.py', 'c2f_shapes.py'])
def test_all_but_the_tokenizer_is_trained_and_only_matrices_decay(name):
    groups = parameter_groups(name)
    assert not any(key.startswith('tokenizer.') for key in groups)
    assert all(lr > 0 for lr, _ in groups.values())
    for key, (_, decay) in groups.items():
        is_embedding = 'embedding' in key
        is_norm_or_bias = (
            key.endswith('bias') or 'norm' in key or '.bn' in key or 'downsample.1' in key
        )
        if is_embedding or (is_norm_or_bias and key.startswith('transformer.')):
            assert decay == 0, key
    decaying = {key for key, (_, decay) in groups.items() if decay > 0}
    assert 'transformer.blocks.0.attn.qkv.weight' in decaying
    assert 'transformer.head.classifier.weight' in decaying
    assert 'refiner.amodal_branch.out.weight' in decaying
    assert not any(key.endswith('.bias') for key in decaying)


def test_published_numbers():
    config = Config.fromfile(CONFIGS / 'c2f_kins.py')
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 3e-4, 0.01)
    assert tuple(optimizer.betas) == (0.9, 0.95)
    assert config.train_cfg.max_iters == 150000
    assert config.train_dataloader.batch_size == 16
    assert 'clip_grad' not in config.optim_wrapper


def test_the_reference_way_leaves_biases_and_norms_of_the_transformer_untrained():
    groups = parameter_groups('official/c2f_kins_official.py')
    untrained = {key for key, (lr, _) in groups.items() if lr == 0}
    transformer = {key for key in groups if key.startswith('transformer.')}
    biases = {key for key in transformer if key.endswith('bias')}
    norms = {key for key in transformer if '.blocks.' in key and '.norm' in key}
    assert untrained == biases | norms
    assert len(norms) == 12 * 2 * 2
    assert all(decay == 0.01 for key, (_, decay) in groups.items() if key not in untrained)


def test_what_is_ours_is_off_in_the_published_recipes():
    for name in ('c2f_kins.py', 'official/c2f_kins_official.py'):
        model = Config.fromfile(CONFIGS / name).model
        assert not model.backbone_visible_mask
        assert not model.refiner.use_visible_mask
        assert not model.refiner.use_coarse_mask
        assert model.refiner.state_channels is None
        assert model.train_cfg.token_positions == 'all'
        assert model.train_cfg.mask_ratio_per == 'batch'
        assert model.train_cfg.refine_loss == 'bce'
        assert model.train_cfg.refine_size == 'crop'
        assert model.test_cfg.upsample == 'nearest'
    assert (
        'mean'
        not in Config.fromfile(CONFIGS / 'official/c2f_kins_official.py').model.data_preprocessor
    )
    assert 'mean' in Config.fromfile(CONFIGS / 'c2f_kins.py').model.data_preprocessor


def test_gradients_reach_every_trained_part_of_the_light_recipe():
    config = Config.fromfile(CONFIGS / 'c2f_shapes.py').model
    model = MODELS.build(config).train()
    batch = tiny_batch(2, scale=4)
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    without = [k for k, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
