"""The fine levels by classes of pixels give what they give pixel by pixel."""

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
from c2fseg.models.tokenizers.pixel_classes import (
    Reach,
    encode_by_classes,
    find_classes,
    find_sources,
)


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
    make_encoder(channel_multipliers=(2, 2, 1)).double(),
    make_encoder(channel_multipliers=(1, 2, 1), num_blocks=1).double(),
]


def pixel_by_pixel(encoder: MaskEncoder, mask: Tensor, levels: int = 2) -> Tensor:
    """The first levels as they are written."""
    return nn.Sequential(encoder.conv_in, *encoder.levels[:levels])(mask)


def by_classes(encoder: MaskEncoder, mask: Tensor, levels: int = 2) -> Tensor:
    return encode_by_classes(encoder.conv_in, encoder.levels[:levels], mask)


@st.composite
def masks(draw: st.DrawFn) -> Tensor:
    """(M, 1, H, W): boxes and holes at any place, touching borders or not, or nothing at all."""
    height, width = draw(st.integers(20, 70)), draw(st.integers(20, 70))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        mask = torch.full((height, width), float(draw(st.booleans())))
        for _ in range(draw(st.integers(0, 2))):
            top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            bottom, right = draw(st.integers(top, height)), draw(st.integers(left, width))
            mask[top:bottom, left:right] = float(draw(st.booleans()))
        found.append(mask)
    return torch.stack(found)[:, None]


@settings(max_examples=100, deadline=None)
@given(
    mask=masks(),
    encoder=st.sampled_from(ENCODERS),
    levels=st.integers(1, 3),
    largest_share=st.sampled_from([1.0, 0.4]),
)
def test_the_same_features(
    mask: Tensor, encoder: MaskEncoder, levels: int, largest_share: float
) -> None:
    levels = min(levels, len(encoder.levels))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_classes, '_LARGEST_SHARE', largest_share)
        patch.setattr(pixel_classes, '_CHUNK', 100)
        found = by_classes(encoder, mask.double(), levels)
    torch.testing.assert_close(found, pixel_by_pixel(encoder, mask.double(), levels))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_how_far_a_pixel_sees() -> None:
    # Published: a convolution, four of the first level, one of stride 2, four of the second level.
    first = Reach(1, 1, 1).widen(4)
    second = first.halve().widen(4)
    assert (first, second) == ((1, 5, 5), (2, 13, 15))
    assert (first.first_places, first.last_places, first.side) == (5, 5, 11)
    assert (second.first_places, second.last_places, second.side) == (7, 7, 15)
    convolutions = [nn.Conv2d(1, 1, 3, padding=1) for _ in range(9)]
    convolutions.insert(5, nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(1, 1, 3, stride=2)))
    mask = torch.zeros(1, 1, 96, 96, requires_grad=True)
    nn.Sequential(*convolutions)(mask)[0, 0, 20, 24].backward()
    rows, columns = (mask.grad[0, 0].abs().sum(dim=dim).nonzero().flatten() for dim in (1, 0))
    assert (int(rows[0]), int(rows[-1])) == (40 - 13, 40 + 15)
    assert (int(columns[0]), int(columns[-1])) == (48 - 13, 48 + 15)


def test_classes_by_hand() -> None:
    # Ten columns of background, then the object: with a radius of 2, four columns see both.
    mask = torch.zeros(20, 20)
    mask[:, 10:] = 1
    classes = find_classes(mask, Reach(1, 2, 2))
    own = torch.arange(20).clamp(8, 11) == torch.arange(20)  # columns 8 to 11
    assert classes.of_pixel[:, own].unique().numel() == 80
    assert classes.of_pixel[:, own].min() == 1 + 2 * 25
    left, right = classes.of_pixel[:, :8], classes.of_pixel[:, 12:]
    # Five places in a column (two at each end, one inside), three of the five in a row.
    assert left.unique().numel() == right.unique().numel() == 15
    assert torch.equal(left[:, 2:].unique(dim=1), left[:, 2:3])
    assert int(classes.of_pixel.min()) == 1
    assert len(classes.share) == len(classes.neighbours) == 50 + 80
    assert float(classes.share.sum()) == pytest.approx(1)
    assert torch.equal(classes.own, own.expand(20, 20))
    # A pixel of its own has the neighbours that it has; a shared one those of a picture of 5 x 5.
    assert torch.equal(
        classes.neighbours[classes.of_pixel[10, 10] - 1].view(3, 3), classes.of_pixel[9:12, 9:12]
    )
    around = classes.neighbours[classes.of_pixel[0, 0] - 1].view(3, 3)
    expected = torch.zeros(3, 3, dtype=torch.long)
    expected[1:, 1:] = classes.of_pixel[:2, :2]
    assert torch.equal(around, expected)
    middle = classes.of_pixel[10, 5]
    assert classes.neighbours[middle - 1].tolist() == [7, 8, 9, 12, 13, 14, 17, 18, 19]


def test_sources_by_hand(monkeypatch) -> None:
    # Halved, a pixel reads the classes of rows and columns 2 i to 2 i + 2; the last sees outside.
    monkeypatch.setattr(pixel_classes, '_LARGEST_SHARE', 1.0)
    mask = torch.zeros(24, 24)
    mask[:, 12:] = 1
    fine = find_classes(mask, Reach(1, 1, 1))
    coarse = find_classes(mask, Reach(1, 1, 1).halve().widen(1))
    sources = find_sources(coarse, fine)
    assert coarse.reach == (2, 3, 5)
    assert len(sources) == len(coarse.share)
    padded = torch.zeros(25, 25, dtype=torch.long)
    padded[:24, :24] = fine.of_pixel
    for row in range(12):
        for column in range(12):
            below = padded[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            assert torch.equal(sources[coarse.of_pixel[row, column] - 1].view(3, 3), below)


@pytest.mark.parametrize('kind', ['noise', 'grey', 'small'])
def test_masks_without_pixels_to_share_are_left_to_the_convolutions(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    mask = dict(
        noise=(torch.rand(1, 1, 32, 32, generator=generator) > 0.5).float(),
        grey=torch.full((1, 1, 32, 32), 0.5),
        small=torch.zeros(1, 1, 8, 32),
    )[kind]
    assert find_classes(mask[0, 0], Reach(1, 5, 5)) is None
    encoder = make_encoder()
    assert torch.equal(by_classes(encoder, mask), pixel_by_pixel(encoder, mask))


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Masks that went by classes."""
    seen: list[int] = []

    def spy(conv: nn.Conv2d, levels: nn.ModuleList, mask: Tensor) -> Tensor:
        seen.append(len(mask))
        return encode_by_classes(conv, levels, mask)

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


def test_both_fine_levels_run_over_rows(monkeypatch) -> None:
    rows = []
    run = pixel_classes._run_block
    monkeypatch.setattr(
        pixel_classes,
        '_run_block',
        lambda block, x, found: rows.append(len(x)) or run(block, x, found),
    )
    encoder, mask = make_encoder(channel_multipliers=(1, 1, 2)), torch.zeros(1, 1, 256, 256)
    mask[:, :, 40:140, 40:140] = 1
    with torch.no_grad():
        encoder(mask)
    assert len(rows) == 4
    assert rows[0] == rows[1] < 0.1 * 256**2
    assert rows[2] == rows[3] < 0.3 * 128**2


def test_each_mask_of_a_batch_gives_what_it_gives_alone() -> None:
    encoder, noise = make_encoder(), torch.rand(1, 1, 64, 64).round()
    mask = torch.cat([two_boxes(), noise])
    with torch.no_grad():
        together = encoder(mask)
        alone = torch.cat([encoder(one[None]) for one in mask])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert not np.allclose(alone[0], alone[1])
