"""Coded masks against pycocotools and hand-written runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from c2fseg.structures import decode_mask, encode_mask, mask_area, to_rle

SQUARE = [2.0, 1.0, 6.0, 1.0, 6.0, 4.0, 2.0, 4.0]  # columns 2-5, rows 1-3 of (6, 8)


def noise(seed: int, height: int, width: int, density: float) -> np.ndarray:
    return (np.random.default_rng(seed).random((height, width)) < density).astype(np.uint8)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 999), st.integers(1, 80), st.integers(1, 80), st.sampled_from([0, 0.01, 0.5]))
def test_round_trip_and_agreement_with_pycocotools(
    seed: int, height: int, width: int, density: float
) -> None:
    mask = noise(seed, height, width, density)
    rle = encode_mask(mask)
    assert isinstance(rle['counts'], str)
    assert np.array_equal(decode_mask(rle, height, width), mask)
    assert mask_area(rle, height, width) == mask.sum()
    theirs = coco_mask.encode(np.asfortranarray(mask))
    assert theirs == to_rle(mask, height, width)
    assert np.array_equal(decode_mask(theirs, height, width), mask)  # bytes
    runs, value, flat = [], 0, mask.ravel(order='F').tolist()
    while flat:
        run = next((i for i, pixel in enumerate(flat) if pixel != value), len(flat))
        runs.append(run)
        flat, value = flat[run:], 1 - value
    counts = {'size': [height, width], 'counts': runs}
    assert np.array_equal(decode_mask(counts, height, width), mask)  # list of ints


def test_long_runs_are_read() -> None:
    mask = np.zeros((1500, 2000), np.uint8)
    mask[700:702, 3:1990] = 1
    rle = to_rle(mask, 1500, 2000)
    assert np.array_equal(decode_mask(rle, 1500, 2000), mask)


def test_polygons_are_a_union_and_one_may_be_flat() -> None:
    expected = np.zeros((6, 8), np.uint8)
    expected[1:4, 2:6] = 1
    assert np.array_equal(decode_mask([SQUARE], 6, 8), expected)
    assert np.array_equal(decode_mask(SQUARE, 6, 8), expected)
    other = [4, 2, 8, 2, 8, 6, 4, 6]
    expected[2:6, 4:8] = 1
    assert np.array_equal(decode_mask([SQUARE, other], 6, 8), expected)
    assert mask_area([SQUARE, other], 6, 8) == expected.sum()


def test_useless_polygons_are_dropped_beside_useful_ones() -> None:
    assert mask_area([SQUARE, [1, 1, 2, 2], [0, 0, 1, 1, 2, 2, 3]], 6, 8) == 12
    assert mask_area([], 6, 8) == 0


@pytest.mark.parametrize(
    ('coded', 'error', 'words'),
    [
        ([[1, 1, 5, 5]], ValueError, 'no usable polygon.*three points'),
        ([1, 1, 5, 5], ValueError, 'no usable polygon'),
        ([[1, 1, 5, 5, 3]], ValueError, 'no usable polygon'),
        ([[0, 0, float('nan'), 1, 2, 2]], ValueError, 'coordinate'),
        ([[0, 0, 1e12, 1, 2, 2]], ValueError, 'coordinate'),
        ([['a', 'b', 'c', 'd', 'e', 'f']], TypeError, 'flat list'),
        ([['1', '1', '5', '1', '5', '5']], TypeError, "flat list of numbers.*got \\['1'"),
        ([[1, 1, 5, 1, 5, '5']], TypeError, 'flat list'),
        ([[1, 1, 5, 1, 5, [5]]], TypeError, 'flat list'),
        ([[1, 1, 5, 1, 5, None]], TypeError, 'flat list'),
        (['abcdefgh'], TypeError, 'flat list'),
        ('abc', TypeError, 'RLE dict or a list'),
        (None, TypeError, 'RLE dict or a list'),
        (3, TypeError, 'RLE dict or a list'),
        ({'size': [6, 8]}, ValueError, "'counts'"),
        ({'size': [8, 6], 'counts': [48]}, ValueError, r'\[8, 6\].*\[6, 8\]'),
        ({'size': [6, 8], 'counts': [40]}, ValueError, 'cover 40 pixels.*48'),
        ({'size': [6, 8], 'counts': [50, -2]}, ValueError, 'broken RLE'),
        ({'size': [6, 8], 'counts': [47.5, 0.5]}, TypeError, 'whole numbers'),
        ({'size': [6, 8], 'counts': 5}, TypeError, 'counts are'),
        ({'size': [6, 8], 'counts': '0'}, ValueError, 'cover 0 pixels'),
        ({'size': [6, 8], 'counts': ''}, ValueError, 'cover 0 pixels'),
        ({'size': [6, 8], 'counts': 'a b~'}, ValueError, 'broken RLE'),
        ({'size': [6, 8], 'counts': 'oooooooooo1'}, ValueError, 'broken RLE'),
        (np.zeros((3, 3), np.uint8), ValueError, r'\[3, 3\]'),
    ],
)
def test_what_is_no_mask_is_refused(coded: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        decode_mask(coded, 6, 8)


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_runs_of_any_kind_are_written_where_they_lie(
    height: int, width: int, data: st.DataObject
) -> None:
    """Uncompressed runs, some of length zero, against numpy."""
    cuts = data.draw(st.lists(st.integers(0, height * width), max_size=9).map(sorted))
    runs = np.diff([0, *cuts, height * width])
    ones = np.arange(len(runs)) % 2
    expected = np.repeat(ones, runs).reshape(width, height).T
    coded = {'size': [height, width], 'counts': runs.tolist()}
    assert np.array_equal(decode_mask(coded, height, width), expected)
    stack = np.zeros((3, height, width), np.uint8)
    returned = decode_mask(to_rle(coded, height, width), height, width, out=stack[1])
    assert np.shares_memory(returned, stack)
    assert np.array_equal(stack[1], expected)
    assert not stack[::2].any()


def test_a_cut_string_is_noticed() -> None:
    """pycocotools decodes such a string to unset memory."""
    rle = encode_mask(noise(3, 30, 30, 0.5))
    rle['counts'] = rle['counts'][: len(rle['counts']) // 2]
    with pytest.raises(ValueError, match='broken RLE'):
        decode_mask(rle, 30, 30)


def test_encode_refuses_a_stack() -> None:
    with pytest.raises(ValueError, match=r'\(H, W\)'):
        encode_mask(np.zeros((2, 4, 4)))
