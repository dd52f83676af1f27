"""The light refiner: shapes, where pixels go, and what it looks at."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from c2fseg.models.refiners import SubpixelRefiner

CHANNELS = (4, 6, 8, 10)


def feats(sizes: tuple[int, ...] = (16, 8, 4, 4)) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, c, s, s, generator=generator) for c, s in zip(CHANNELS, sizes)]


def build(**options: object) -> SubpixelRefiner:
    torch.manual_seed(0)
    settings = dict(in_channels=CHANNELS, channels=(8, 6, 5), state_channels=7) | options
    return SubpixelRefiner(**settings).eval()


def masks(size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(2, 1, size, size, generator=generator)
    return coarse, (torch.rand(2, 1, size, size, generator=generator) > 0.5).float()


STATE = torch.randn(2, 7, 4, 4, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize('scale', [1, 2, 4])
def test_logits_have_output_scale_times_the_finest_map(scale: int) -> None:
    coarse, visible = masks()
    found = build(output_scale=scale)(feats(), coarse, visible, STATE)
    assert [tuple(x.shape) for x in found] == [(2, 1, 16 * scale, 16 * scale)] * 2


def test_no_map_is_larger_than_the_finest_feature_map() -> None:
    refiner = build()
    sizes = []
    for module in refiner.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, i, out: sizes.append(tuple(out.shape[-2:])))
    refiner(feats(), *masks(), STATE)
    assert max(sizes) == (16, 16)


def test_a_visible_pixel_reaches_its_own_logit() -> None:
    """With weights that copy, the amodal logit of a pixel is its visible pixel, none averaged."""
    refiner = build()
    for parameter in refiner.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        nn.init.ones_(refiner.fine[1].weight)
        for pixel in range(4):  # channel 6 + pixel is that pixel of the mask, see _fold
            refiner.fine[0].weight[pixel, 6 + pixel, 1, 1] = 1.0
            refiner.out.weight[4 + pixel, pixel, 1, 1] = 1.0
    coarse, visible = masks()
    visible_logits, amodal_logits = refiner(feats(), coarse, visible, STATE)
    torch.testing.assert_close(amodal_logits, visible, rtol=1e-4, atol=1e-4)
    assert visible_logits.abs().max() == 0


@pytest.mark.parametrize('changed', ['feats', 'coarse', 'visible', 'state'])
def test_every_input_counts(changed: str) -> None:
    refiner = build()
    coarse, visible = masks()
    plain = dict(feats=feats(), coarse=coarse, visible_mask=visible, state=STATE)
    key = 'visible_mask' if changed == 'visible' else changed
    other = [x + 1 for x in plain[key]] if changed == 'feats' else 1 - plain[key]
    before, after = refiner(**plain), refiner(**{**plain, key: other})
    assert all((x - y).abs().max() > 1e-5 for x, y in zip(before, after))


def test_objects_do_not_mix() -> None:
    refiner = build()
    coarse, visible = masks()
    both = refiner(feats(), coarse, visible, STATE)
    for index in range(2):
        one = slice(index, index + 1)
        alone = refiner([x[one] for x in feats()], coarse[one], visible[one], STATE[one])
        for x, y in zip(both, alone):
            torch.testing.assert_close(x[one], y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(in_channels=(1, 2, 3)), 'four in_channels and three channels'),
        (dict(channels=(1, 2)), 'four in_channels and three channels'),
        (dict(output_scale=0), 'at least 1, got 0'),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)
