"""Pixels counted inside the common box are the pixels of the whole picture."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.evaluation.functional import ClipRegionCounts, RegionCounts

NAMES = ('a', 'b', 'c')


def draw_masks(seed: int, shape: tuple[int, ...], kinds: list[str]) -> dict[str, np.ndarray]:
    """Noise in a box of its own for each mask, all of the picture, or nothing."""
    rng = np.random.default_rng(seed)
    masks = {}
    for name, kind in zip(NAMES, kinds):
        mask = np.zeros(shape, bool)
        top, left = rng.integers(0, shape[-2]), rng.integers(0, shape[-1])
        if kind == 'box':
            part = mask[..., top : top + 5, left : left + 7]
            part[:] = rng.random(part.shape) < 0.6
        elif kind == 'full':
            mask[:] = True
        masks[name] = mask
    return masks


def as_kind(mask: np.ndarray, kind: str) -> np.ndarray:
    """The same mask as another array: integers, turned in memory, or one place for all pixels."""
    if kind == 'int':
        return mask.astype(np.int64)
    if kind == 'turned':
        return np.asfortranarray(mask)
    return mask


KINDS = st.lists(st.sampled_from(['box', 'box', 'full', 'empty']), min_size=3, max_size=3)


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 999),
    st.tuples(st.integers(1, 20), st.integers(1, 30)),
    KINDS,
    st.sampled_from(['bool', 'int', 'turned']),
)
def test_pictures(seed: int, shape: tuple[int, int], kinds: list[str], kind: str) -> None:
    masks = draw_masks(seed, shape, kinds)
    counts = RegionCounts(**{name: as_kind(mask, kind) for name, mask in masks.items()})
    a, b, c = (masks[name] for name in NAMES)
    in_a, in_b, in_c = (counts[name] for name in NAMES)
    assert counts.area(in_a & in_b) == (a & b).sum()
    assert counts.area(in_a | in_b | in_c) == (a | b | c).sum()
    assert counts.area(in_c & ~in_a) == (c & ~a).sum()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 999), st.integers(1, 3), KINDS, st.sampled_from(['bool', 'int', 'turned']))
def test_clips(seed: int, frames: int, kinds: list[str], kind: str) -> None:
    masks = draw_masks(seed, (frames, 12, 15), kinds)
    given_masks = {name: as_kind(mask, kind) for name, mask in masks.items()}
    context = {'c': given_masks.pop('c')}
    counts = ClipRegionCounts(given_masks, context)
    a, b, c = (masks[name] for name in NAMES)
    expected = (a & ~b & c).sum(axis=(1, 2))
    assert counts.areas(counts['a'] & ~counts['b'] & counts['c']).tolist() == expected.tolist()
    expected = (a | b).sum(axis=(1, 2))
    assert counts.areas(counts['a'] | counts['b']).tolist() == expected.tolist()


def test_a_mask_that_is_one_place_in_memory() -> None:
    """What the pipeline packs where every pixel counts."""
    everywhere = np.broadcast_to(np.ones(1, bool), (6, 8))
    part = np.zeros((6, 8), bool)
    part[2:4, 3:6] = True
    counts = RegionCounts(a=part, b=everywhere)
    assert counts.area(counts['a'] & counts['b']) == 6
    assert counts.area(counts['b']) == 48
