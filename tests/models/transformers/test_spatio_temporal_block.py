"""Attention over frames: who sees whom, padding, rolling, and what it is when switched off."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.models.transformers import (
    ClipLayout,
    MaskedTransformer,
    SpatialBlock,
    SpatioTemporalBlock,
)
from c2fseg.models.transformers.clip_layout import ClipWindows
from c2fseg.models.transformers.self_attention import rotary_angles, rotate

GRID = (4, 8)
LENGTH = GRID[0] * GRID[1]


def make_block(seed: int = 0, **options) -> SpatioTemporalBlock:
    torch.manual_seed(seed)
    config = dict(window_frames=4, window_patch=4, zero_init=False) | options
    return SpatioTemporalBlock(8, 2, **config).eval()


def make_tokens(frames: int, clips: int = 1, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(clips, frames, LENGTH, 8, generator=generator)


@torch.no_grad()
def seen_frames(block: SpatioTemporalBlock, frames: int, roll: int = 0, valid=None) -> np.ndarray:
    """Which frame (column) changes the result of which frame (row), found by trying."""
    layout = ClipLayout(GRID, valid, roll)
    x = make_tokens(frames)
    before = block(x, layout)
    seen = np.zeros((frames, frames), dtype=bool)
    for frame in range(frames):
        changed = x.clone()
        changed[0, frame] += 1 + torch.arange(8.0)
        difference = (block(changed, layout) - before).abs().amax(dim=(2, 3))[0]
        seen[:, frame] = (difference > 1e-6).numpy()
    return seen


def groups(frames: int, *members: range | list[int]) -> np.ndarray:
    """Everyone sees his own group alone."""
    expected = np.eye(frames, dtype=bool)
    for group in members:
        expected[np.ix_(list(group), list(group))] = True
    return expected


def test_frames_of_a_window_see_each_other_and_no_others():
    found = seen_frames(make_block(), 8)
    assert np.array_equal(found, groups(8, range(4), range(4, 8)))


def test_rolled_windows_lie_across_the_borders_and_do_not_wrap():
    found = seen_frames(make_block(), 8, roll=2)
    assert np.array_equal(found, groups(8, range(2, 6), [0, 1], [6, 7]))


def test_the_published_block_wraps_around():
    found = seen_frames(make_block(wrap_around=True), 8, roll=2)
    assert np.array_equal(found, groups(8, range(2, 6), [0, 1, 6, 7]))


def test_a_clip_of_no_whole_number_of_windows_is_filled_up():
    assert np.array_equal(seen_frames(make_block(), 6), groups(6, range(4), [4, 5]))
    rolled = seen_frames(make_block(wrap_around=True), 6, roll=2)
    assert np.array_equal(rolled, groups(6, range(2, 6), [0, 1]))


@pytest.mark.parametrize('roll', [0, 2])
def test_a_short_clip_is_one_window_that_no_roll_changes(roll):
    assert seen_frames(make_block(), 3, roll).all()
    assert seen_frames(make_block(), 4, roll).all()


def test_frames_that_only_fill_up_are_not_looked_at():
    valid = torch.tensor([[True, True, False, True, False, False]])
    found = seen_frames(make_block(), 6, valid=valid)
    others = found & ~np.eye(6, dtype=bool)
    assert not others[:, [2, 4, 5]].any()
    assert found[np.ix_([0, 1, 3], [0, 1, 3])].all()
    assert torch.isfinite(make_block()(make_tokens(6), ClipLayout(GRID, valid))).all()


@torch.no_grad()
def test_windows_are_small_in_space_too():
    """A change in the left half of a frame reaches the right half of no other frame."""
    block = make_block()
    torch.nn.init.zeros_(block.attn.proj.weight)  # attention in the frame alone would carry it
    x = make_tokens(4)
    changed = x.clone()
    left = torch.arange(LENGTH).view(GRID)[:, :4].flatten()
    changed[0, 0, left] += 1 + torch.arange(8.0)
    layout = ClipLayout(GRID)
    difference = (block(changed, layout) - block(x, layout)).abs().amax(dim=-1)[0]  # (T,L)
    reached = (difference[1:] > 1e-6).all(dim=0)
    assert set(torch.nonzero(reached).flatten().tolist()) == set(left.tolist())
    assert bool((difference[:, ~reached] < 1e-6).all())


@torch.no_grad()
def test_one_window_is_plain_attention():
    """A clip of one window of one patch: the result equals torch's own attention module."""
    block = make_block(window_frames=3, window_patch=4, temporal_position=None)
    torch.manual_seed(3)
    x = torch.randn(2, 3, 16, 8)
    reference = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    reference.in_proj_weight.copy_(block.temporal_attn.qkv.weight)
    reference.in_proj_bias.copy_(block.temporal_attn.qkv.bias)
    reference.out_proj.weight.copy_(block.temporal_attn.proj.weight)
    reference.out_proj.bias.copy_(block.temporal_attn.proj.bias)
    inside = block.attend_in_frames(x)
    tokens = block.temporal_norm(inside).flatten(1, 2)
    expected = inside + reference(tokens, tokens, tokens)[0].view_as(x)
    expected = expected + block.mlp(block.norm2(expected))
    torch.testing.assert_close(block(x, ClipLayout((4, 4))), expected)


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 30),
    window=st.integers(1, 12),
    roll=st.integers(0, 40),
    clips=st.integers(1, 3),
)
def test_split_then_merge_gives_the_clip_back(frames, window, roll, clips):
    cut = ClipWindows(ClipLayout(GRID, None, roll), frames, window, 4, False)
    x = make_tokens(frames, clips)
    windows = cut.split(x)
    assert torch.equal(cut.merge(windows), x)
    assert windows.shape[1] == cut.frames * 16
    positions = cut.positions(x.device)
    assert sorted(positions[:, ::16].flatten().tolist()) == list(range(cut.length))
    allowed = cut.allowed(clips, x.device)
    if allowed is not None:
        assert allowed.shape == (len(windows), 1, windows.shape[1], windows.shape[1])
        assert bool(allowed.diagonal(dim1=-2, dim2=-1).all()), 'nobody may be left without a key'


def test_rotation_depends_on_the_distance_alone():
    torch.manual_seed(0)
    q, k = torch.randn(2, 6)
    products = []
    for start in (0, 7, 100):
        angles = rotary_angles(torch.tensor([start, start + 5]), 6, 100.0)
        products.append(float(rotate(q[None], angles[:1]) @ rotate(k[None], angles[1:]).T))
    assert products == pytest.approx([products[0]] * 3, abs=1e-4)
    assert torch.equal(rotate(q[None], torch.zeros(1, 3)), q[None])


@torch.no_grad()
def test_only_a_temporal_position_knows_the_order_of_frames():
    x = make_tokens(4)
    order = torch.tensor([2, 0, 3, 1])
    layout = ClipLayout(GRID)
    blind, rotary = make_block(temporal_position=None), make_block()
    torch.testing.assert_close(blind(x[:, order], layout), blind(x, layout)[:, order])
    assert not torch.allclose(rotary(x[:, order], layout), rotary(x, layout)[:, order], atol=1e-4)


@torch.no_grad()
def test_without_the_temporal_part_it_is_the_spatial_block():
    block = make_block(temporal=False)
    plain = SpatialBlock(8, 2).eval()
    plain.load_state_dict(block.state_dict())  # the same names
    x = make_tokens(5, 2)
    assert torch.equal(block(x, ClipLayout(GRID)), plain(x, ClipLayout(GRID)))
    assert block.roll_frames == 0


def make_transformer(depth: int = 3, **block) -> MaskedTransformer:
    torch.manual_seed(0)
    return MaskedTransformer(
        in_channels=6,
        codebook_size=9,
        grid_size=GRID,
        feature_dims=8,
        visible_dims=4,
        amodal_dims=4,
        depth=depth,
        num_heads=2,
        dropout=0.0,
        block=dict(type='SpatioTemporalBlock', window_frames=4, **block),
    ).eval()


def make_inputs(frames: int, clips: int = 2):
    generator = torch.Generator().manual_seed(1)
    feat = torch.randn(clips, frames, 6, *GRID, generator=generator)
    visible = torch.randint(0, 10, (clips, frames, LENGTH), generator=generator)
    tokens = torch.randint(0, 10, (clips, frames, LENGTH), generator=generator)
    return feat, visible, tokens


@torch.no_grad()
def test_a_new_attention_over_frames_begins_as_nothing():
    video = make_transformer()
    image = make_transformer(temporal=False)
    missing, unexpected = image.load_state_dict(video.state_dict(), strict=False)
    assert not missing
    assert all('.temporal_' in key for key in unexpected)
    inputs = make_inputs(6)
    assert torch.equal(video(*inputs), image(*inputs))
    started = make_transformer(zero_init=False)
    assert float(started.blocks[0].temporal_attn.proj.weight.std()) == pytest.approx(0.02, rel=0.3)


@torch.no_grad()
@pytest.mark.parametrize(('roll', 'reach'), [(True, [0, 1, 2, 3, 4, 5]), (False, [0, 1, 2, 3])])
def test_rolling_carries_a_change_over_the_borders_of_windows(roll, reach):
    """Two blocks: windows 0-3 and 4-7, then 2-5 between them, if rolled."""
    model = make_transformer(2, zero_init=False, roll=roll)
    assert [block.roll_frames for block in model.blocks] == [2 if roll else 0] * 2
    for block in model.blocks:
        torch.nn.init.normal_(block.temporal_attn.proj.weight)
    feat, visible, tokens = make_inputs(8, 1)
    changed = feat.clone()
    changed[0, 0] += 10 * torch.randn(6, *GRID)
    difference = (model(changed, visible, tokens) - model(feat, visible, tokens)).abs()
    reached = torch.nonzero(difference.amax(dim=(2, 3))[0] > 1e-6).flatten().tolist()
    assert reached == reach


@torch.no_grad()
@pytest.mark.parametrize('frames', [1, 7, 24, 25, 61])
def test_clips_of_any_length_and_in_any_batch(frames):
    model = make_transformer(zero_init=False)
    feat, visible, tokens = make_inputs(frames)
    together = model(feat, visible, tokens)
    assert together.shape == (2, frames, LENGTH, 10)
    alone = model(feat[1:], visible[1:], tokens[1:])
    torch.testing.assert_close(alone, together[1:], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_filling_up_a_clip_changes_nothing():
    """A clip of 6 frames in a batch of 9: the same logits, whatever the filling holds."""
    model = make_transformer(zero_init=False)
    feat, visible, tokens = make_inputs(9)
    valid = torch.ones(2, 9, dtype=torch.bool)
    valid[0, 6:] = False
    filled = model(feat, visible, tokens, frame_valid=valid)[0, :6]
    other = feat.clone()
    other[0, 6:] += 5.0
    torch.testing.assert_close(model(other, visible, tokens, frame_valid=valid)[0, :6], filled)
    alone = model(feat[:1, :6], visible[:1, :6], tokens[:1, :6])[0]
    torch.testing.assert_close(filled, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(window_frames=0), 'at least 1'),
        (dict(temporal_position='learned'), 'rotary'),
        (dict(embed_dims=6), 'even number of channels'),
    ],
)
def test_wrong_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SpatioTemporalBlock(**(dict(embed_dims=8, num_heads=2) | options))


def test_a_grid_that_windows_do_not_divide_is_refused():
    with pytest.raises(ValueError, match=r'window_patch=4 must divide the token grid \(3, 8\)'):
        make_block()(torch.zeros(1, 2, 24, 8), ClipLayout((3, 8)))
