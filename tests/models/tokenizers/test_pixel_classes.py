"""The first level by classes of pixels gives what it gives pixel by pixel."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from c2fseg.models.tokenizers import pixel_classes
from c2fseg.models.tokenizers.encoder import MaskEncoder
from c2fseg.models.tokenizers.pixel_classes import encode_by_classes, find_classes


def make_encoder(**options: object) -> MaskEncoder:
    """A small encoder whose groups and residuals have something to get wrong."""
    torch.manual_seed(0)
    defaults: dict = dict(
        base_channels=8, channel_multipliers=(1, 2), norm_groups=4, out_channels=4
    )
    return MaskEncoder(**{**defaults, **options}).eval().requires_grad_(False)


# In double precision: a mask that is nearly flat has nearly no variance, and what a normalisation
# divides by it are the last digits.
ENCODERS = [
    make_encoder(num_blocks=1).double(),
    make_encoder().double(),
    make_encoder(channel_multipliers=(2, 2)).double(),
]


def pixel_by_pixel(encoder: MaskEncoder, mask: Tensor) -> Tensor:
    """The first level as it is written."""
    x = encoder.conv_in(mask)
    for block in encoder.levels[0].blocks:
        x = block(x)
    return x


def by_classes(encoder: MaskEncoder, mask: Tensor) -> Tensor:
    return encode_by_classes(encoder.conv_in, encoder.levels[0].blocks, mask)


@st.composite
def masks(draw: st.DrawFn) -> Tensor:
    """(M, 1, H, W): boxes and holes at any place, touching borders or not, or nothing at all."""
    height, width = draw(st.integers(24, 60)), draw(st.integers(24, 60))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        mask = torch.full((height, width), float(draw(st.booleans())))
        for _ in range(draw(st.integers(0, 2))):
            top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            bottom, right = draw(st.integers(top, height)), draw(st.integers(left, width))
            mask[top:bottom, left:right] = float(draw(st.booleans()))
        found.append(mask)
    return torch.stack(found)[:, None]


@settings(max_examples=60, deadline=None)
@given(mask=masks(), encoder=st.sampled_from(ENCODERS))
def test_the_same_features(mask: Tensor, encoder: MaskEncoder) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_classes, '_LARGEST_SHARE', 1.0)
        patch.setattr(pixel_classes, '_CHUNK', 100)
        found = by_classes(encoder, mask.double())
    torch.testing.assert_close(found, pixel_by_pixel(encoder, mask.double()))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_classes_by_hand() -> None:
    # Ten columns of background, then the object: with a radius of 2, four columns see both.
    mask = torch.zeros(20, 20)
    mask[:, 10:] = 1
    classes = find_classes(mask, 2)
    own = torch.arange(20).clamp(8, 11) == torch.arange(20)  # columns 8 to 11
    assert classes.of_pixel[:, own].unique().numel() == 80
    assert classes.of_pixel[:, own].min() == 1 + 2 * 25
    left, right = classes.of_pixel[:, :8], classes.of_pixel[:, 12:]
    # Five places in a column (two at each end, one inside), three of the five in a row.
    assert left.unique().numel() == right.unique().numel() == 15
    assert torch.equal(left[:, 2:].unique(dim=1), left[:, 2:3])
    assert int(classes.of_pixel.min()) == 1
    assert len(classes.share) == len(classes.value) == len(classes.neighbours) == 50 + 80
    assert float(classes.share.sum()) == pytest.approx(1)
    assert torch.equal(classes.value[classes.of_pixel.flatten() - 1, 0].view(20, 20), mask)
    around = classes.neighbours[classes.of_pixel[0, 0] - 1].view(3, 3)
    expected = torch.zeros(3, 3, dtype=torch.long)
    expected[1:, 1:] = classes.of_pixel[:2, :2]
    assert torch.equal(around, expected)
    middle = classes.of_pixel[10, 5]
    assert torch.equal(classes.neighbours[middle - 1], middle.expand(9))


@pytest.mark.parametrize('kind', ['noise', 'grey', 'small'])
def test_masks_without_pixels_to_share_are_left_to_the_convolutions(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    mask = dict(
        noise=(torch.rand(1, 1, 32, 32, generator=generator) > 0.5).float(),
        grey=torch.full((1, 1, 32, 32), 0.5),
        small=torch.zeros(1, 1, 8, 32),
    )[kind]
    assert find_classes(mask[0, 0], 5) is None
    encoder = make_encoder()
    assert torch.equal(by_classes(encoder, mask), pixel_by_pixel(encoder, mask))


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Masks that went by classes."""
    seen: list[int] = []

    def spy(conv: nn.Conv2d, blocks: nn.ModuleList, mask: Tensor) -> Tensor:
        seen.append(len(mask))
        return encode_by_classes(conv, blocks, mask)

    monkeypatch.setattr('c2fseg.models.tokenizers.encoder.encode_by_classes', spy)
    return seen


def two_boxes() -> Tensor:
    mask = torch.zeros(2, 1, 64, 64)
    mask[0, :, 20:50, 10:40] = 1
    mask[1, :, 5:20, 40:] = 1
    return mask


def test_the_encoder_takes_the_way_where_it_may(calls) -> None:
    encoder, mask = make_encoder(), two_boxes()
    with torch.no_grad():
        shared = encoder(mask)
    assert calls == [2]
    expected = copy.deepcopy(encoder).double()(mask.double()).float()
    torch.testing.assert_close(shared, expected, rtol=1e-4, atol=1e-4)
    encoder(mask)  # with gradient
    with torch.no_grad():
        encoder.train()(mask)
        encoder.eval()
        with torch.autocast('cpu', torch.bfloat16):
            encoder(mask)
        make_encoder(patch_size=2)(mask)
        torch.jit.trace(encoder, mask, check_trace=False)
        torch.export.export(encoder, (mask,), strict=False)
        torch.export.export(encoder, (mask,), strict=True)
        torch.compile(encoder, backend='eager', fullgraph=True)(mask)
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            encoder(mode.from_tensor(mask))
    assert calls == [2]


def test_each_mask_of_a_batch_gives_what_it_gives_alone() -> None:
    encoder, noise = make_encoder(), torch.rand(1, 1, 64, 64).round()
    mask = torch.cat([two_boxes(), noise])
    with torch.no_grad():
        together = encoder(mask)
        alone = torch.cat([encoder(one[None]) for one in mask])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert not np.allclose(alone[0], alone[1])
