"""The masked transformer: shapes, frames apart, initial weights, errors."""

from __future__ import annotations

import pytest
import torch

from c2fseg.models.transformers import MaskedTransformer, SpatialBlock
from c2fseg.registry import MASKED_TRANSFORMERS, ST_BLOCKS


@pytest.fixture
def transformer():
    torch.manual_seed(0)
    return MaskedTransformer(
        in_channels=6,
        codebook_size=9,
        grid_size=(3, 4),
        feature_dims=8,
        visible_dims=4,
        amodal_dims=4,
        depth=2,
        num_heads=4,
    ).eval()


def _inputs(n: int = 2, t: int = 2):
    generator = torch.Generator().manual_seed(1)
    feat = torch.randn(n, t, 6, 3, 4, generator=generator)
    visible = torch.randint(0, 10, (n, t, 12), generator=generator)
    tokens = torch.randint(0, 10, (n, t, 12), generator=generator)
    return feat, visible, tokens


def test_shapes_and_state(transformer):
    inputs = _inputs()
    logits, state = transformer(*inputs, return_state=True)
    assert logits.shape == (2, 2, 12, 10)
    assert state.shape == (2, 2, 12, 16)
    torch.testing.assert_close(transformer.head(state), logits)
    assert torch.equal(transformer(*inputs), logits)


def test_two_frames_equal_twice_one_frame(transformer):
    feat, visible, tokens = _inputs()
    together = transformer(feat, visible, tokens)
    for t in range(2):
        frame = slice(t, t + 1)
        alone = transformer(feat[:, frame], visible[:, frame], tokens[:, frame])
        torch.testing.assert_close(alone, together[:, frame], atol=1e-6, rtol=1e-5)


def test_the_condition_is_computed_once_and_serves_every_step(transformer):
    feat, visible, tokens = _inputs()
    condition = transformer.embed_condition(feat, visible)
    assert condition.shape == (2, 2, 12, 12)
    logits, _ = transformer.predict_tokens(condition, tokens)
    torch.testing.assert_close(logits, transformer(feat, visible, tokens))


def test_every_position_sees_every_other_one(transformer):
    feat, visible, tokens = _inputs(1, 1)
    changed = tokens.clone()
    changed[0, 0, 0] = (tokens[0, 0, 0] + 1) % 10
    difference = (transformer(feat, visible, changed) - transformer(feat, visible, tokens)).abs()
    assert bool((difference.amax(dim=-1) > 0).all())


def test_initial_weights():
    torch.manual_seed(0)
    model = MaskedTransformer(in_channels=8, depth=1)
    weights = [
        model.blocks[0].attn.qkv.weight,
        model.blocks[0].mlp[0].weight,
        model.visible_embedding.weight,
        model.amodal_embedding.weight,
        model.head.classifier.weight,
        model.position_embedding,
    ]
    for weight in weights:
        assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert float(model.blocks[0].attn.qkv.bias.detach().abs().max()) == 0
    assert model.head.classifier.bias is None
    assert model.visible_embedding.num_embeddings == 257


def test_dropout_is_off_at_test_time_and_on_in_training(transformer):
    inputs = _inputs()
    model = MaskedTransformer(6, 9, (3, 4), 8, 4, 4, depth=1, num_heads=4, dropout=0.5)
    assert not torch.equal(model.train()(*inputs), model(*inputs))
    model.eval()
    assert torch.equal(model(*inputs), model(*inputs))


def test_a_map_of_another_size_than_the_token_grid_is_an_error(transformer):
    feat, visible, tokens = _inputs()
    with pytest.raises(ValueError, match=r'\(3, 4\) positions of the token grid, got \(4, 3\)'):
        transformer(feat.transpose(-1, -2), visible, tokens)


def test_a_block_from_the_registry_takes_the_place_of_the_spatial_one():
    @ST_BLOCKS.register_module(name='EchoBlockForTest')
    class EchoBlock(SpatialBlock):
        def forward(self, x, layout):
            return x

    try:
        model = MASKED_TRANSFORMERS.build(
            dict(
                type='MaskedTransformer',
                in_channels=6,
                depth=2,
                block=dict(type='EchoBlockForTest'),
            )
        )
        assert all(isinstance(block, EchoBlock) for block in model.blocks)
    finally:
        ST_BLOCKS.module_dict.pop('EchoBlockForTest')


def test_a_wrong_block_name_says_which_role_it_is():
    with pytest.raises(KeyError, match='transformer block'):
        MaskedTransformer(in_channels=6, block=dict(type='SpacialBlock'))


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match='num_heads=5 must divide embed_dims=16'):
        SpatialBlock(16, 5)
