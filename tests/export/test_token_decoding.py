"""The decoding in numpy against ParallelDecoder, token by token."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.export.token_decoding import decode_tokens, uniform
from c2fseg.models.decoding import CosineMaskScheduler, ParallelDecoder, masked_counts

CODES = 11


def logits_of(tokens: np.ndarray) -> np.ndarray:
    """Logits (N,T,L,K+1) that depend on all tokens of an object, its own most."""
    context = tokens.sum(axis=(1, 2), keepdims=True) % 13 + np.arange(tokens.shape[2])
    classes = np.arange(CODES + 1)
    angle = (context + 3 * tokens)[..., None] * 0.37 + classes * 1.91
    return (3 * np.sin(angle) + 0.01 * classes).astype(np.float32)


@pytest.mark.parametrize('seed', [0, 1, 2**32 - 1])
def test_noise_is_that_of_torch(seed: int) -> None:
    # Exactly, over more numbers than the twister makes at once.
    expected = torch.rand((5, 7, 31), generator=torch.Generator().manual_seed(seed))
    np.testing.assert_array_equal(uniform(seed, (5, 7, 31)), expected.numpy())


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 6),
    top_k=st.sampled_from([None, 1, 3, CODES, 99]),
    temperature=st.sampled_from([0.0, 1.0, 4.5]),
    greedy=st.booleans(),
    objects=st.integers(1, 3),
    frames=st.integers(1, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_tokens_are_those_of_the_decoder(
    steps: int,
    top_k: int | None,
    temperature: float,
    greedy: bool,
    objects: int,
    frames: int,
    seed: int,
) -> None:
    shape = (objects, frames, 16)
    decoder = ParallelDecoder(CosineMaskScheduler(), steps, top_k, temperature, greedy)
    seeds = [seed ^ index for index in range(objects)]
    expected = decoder.decode(
        lambda tokens: torch.from_numpy(logits_of(tokens.numpy())),
        shape,
        [torch.Generator().manual_seed(one) for one in seeds],
        mask_token=CODES,
    )
    decoding = dict(
        masked_counts=masked_counts(decoder.scheduler, steps, 16),
        top_k=top_k,
        temperature=temperature,
        greedy=greedy,
    )
    found = decode_tokens(logits_of, shape, CODES, decoding, seeds)
    np.testing.assert_array_equal(found, expected.numpy())


def test_greedy_decoding_takes_the_most_likely_token() -> None:
    decoding = dict(masked_counts=[1], top_k=3, temperature=4.5, greedy=True)
    found = decode_tokens(logits_of, (2, 1, 16), CODES, decoding, [0, 0])
    start = np.full((2, 1, 16), CODES)
    np.testing.assert_array_equal(found, logits_of(start)[..., :-1].argmax(axis=-1))
