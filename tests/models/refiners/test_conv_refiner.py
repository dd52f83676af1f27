"""The refiner: shapes, attention by hand, options that are really absent when off."""

from __future__ import annotations

import pytest
import torch

from c2fseg.models.refiners import ConvRefiner, mask_guided_attention

CHANNELS = (4, 6, 8, 10)


def _feats(sizes: tuple[int, ...] = (16, 8, 4, 4)) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, c, s, s, generator=generator) for c, s in zip(CHANNELS, sizes)]


def _refiner(**options) -> ConvRefiner:
    torch.manual_seed(0)
    return ConvRefiner(
        in_channels=CHANNELS, feature_dims=5, channels=(8, 6, 4, 3), **options
    ).eval()


def test_attention_by_hand():
    # Two channels on a row of three positions; the mask covers the first two.
    feat = torch.tensor([[1.0, 3.0, 0.0], [0.0, 0.0, 2.0]]).view(1, 2, 1, 3)
    mask = torch.tensor([1.0, 1.0, 0.0]).view(1, 1, 1, 3)
    # key = (2, 0); scores = (2, 6, 0).
    expected = torch.tensor([2.0, 6.0, 0.0]).softmax(dim=0)
    attention = mask_guided_attention(feat, mask)
    assert attention.shape == (1, 1, 1, 3)
    torch.testing.assert_close(attention.flatten(), expected, atol=1e-5, rtol=1e-4)


def test_attention_is_float32_under_autocast():
    feat, mask = torch.randn(2, 64, 4, 4), torch.rand(2, 1, 4, 4)
    expected = mask_guided_attention(feat, mask)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(mask_guided_attention(feat, mask), expected)


def test_attention_of_an_empty_mask_is_even():
    attention = mask_guided_attention(torch.randn(1, 3, 2, 2), torch.zeros(1, 1, 2, 2))
    torch.testing.assert_close(attention, torch.full((1, 1, 2, 2), 0.25))


@pytest.mark.parametrize(('scale', 'side'), [(1, 16), (2, 32)])
def test_the_scale_sets_the_resolution_of_the_logits(scale, side):
    visible, amodal = _refiner(output_scale=scale)(_feats(), torch.rand(2, 1, 64, 64))
    assert visible.shape == amodal.shape == (2, 1, side, side)
    assert not torch.equal(visible, amodal)


def test_maps_of_other_strides_fit():
    visible, _ = _refiner()(_feats((16, 8, 4, 2)), torch.rand(2, 1, 64, 64))
    assert visible.shape == (2, 1, 32, 32)


def test_without_attention_the_module_has_one_input_channel_less():
    assert _refiner().fuse[0][0].in_channels == 5 + 2
    refiner = _refiner(attention=False)
    assert refiner.fuse[0][0].in_channels == 5 + 1
    assert refiner(_feats(), torch.rand(2, 1, 64, 64))[0].shape == (2, 1, 32, 32)


def test_options_that_are_off_leave_no_weights():
    plain = set(_refiner().state_dict())
    assert set(_refiner(use_visible_mask=True).state_dict()) == plain
    assert set(_refiner(state_channels=7).state_dict()) - plain == {
        'state_proj.weight',
        'state_proj.bias',
    }
    assert _refiner().amodal_branch.block1[0].in_channels == 4
    assert _refiner(use_visible_mask=True).amodal_branch.block1[0].in_channels == 5
    both = _refiner(use_visible_mask=True, use_coarse_mask=True)
    assert both.visible_branch.block2[0].in_channels == 6 + 2


@pytest.mark.parametrize(
    ('option', 'argument', 'shape'),
    [
        (dict(use_visible_mask=True), 'visible_mask', (2, 1, 64, 64)),
        (dict(state_channels=7), 'state', (2, 7, 4, 4)),
    ],
)
def test_an_option_changes_the_result_and_is_needed_exactly_when_it_is_on(option, argument, shape):
    feats, coarse = _feats(), torch.rand(2, 1, 64, 64)
    refiner = _refiner(**option)
    first, second = (refiner(feats, coarse, **{argument: torch.rand(shape)})[1] for _ in range(2))
    assert not torch.equal(first, second)
    with pytest.raises(ValueError, match=f'forward needs {argument}'):
        refiner(feats, coarse)
    with pytest.raises(ValueError, match='would be ignored'):
        _refiner()(feats, coarse, **{argument: torch.rand(shape)})


@pytest.mark.parametrize(
    'bad', [dict(channels=(1, 2, 3)), dict(in_channels=(1, 2)), dict(output_scale=0)]
)
def test_bad_arguments_are_errors(bad):
    with pytest.raises(ValueError, match='ConvRefiner'):
        ConvRefiner(**bad)
