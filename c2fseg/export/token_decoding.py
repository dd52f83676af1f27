"""ParallelDecoder once more, in numpy: the same tokens from the same logits and the same seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

PredictLogits = Callable[[np.ndarray], np.ndarray]

_TINY = np.finfo(np.float32).tiny
_SHARES = np.float32(2**30)


class Noise(NamedTuple):
    """Noise of all steps."""

    choice: np.ndarray  # (N,K,T,L), uniform in [0, 1): which candidate becomes the token
    confidence: np.ndarray  # (N,K,T,L), Gumbel: added to the confidence


def object_seed(seed: int, name: str) -> int:
    """The seed of an object's noise, as ``C2FSeg`` makes it of its own seed and a sample's id."""
    return zlib.crc32(f'{seed}/{name}'.encode())


def uniform(seed: int, shape: Sequence[int]) -> np.ndarray:
    """The numbers that ``torch.rand`` draws from a CPU generator with a seed, float32.

    Both use the Mersenne Twister with the same seeding, and torch makes a float of the lower 24
    bits of each of its words.
    """
    words = np.random.RandomState(seed).randint(0, 2**32, size=tuple(shape), dtype=np.uint32)
    return (words & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


def draw_noise(seeds: Sequence[int], steps: int, frames: int, length: int) -> Noise:
    """All noise of a decoding.

    Args:
        seeds: One for each of N objects.
        steps: Decoding steps.
        frames: Frames T.
        length: Tokens L of a frame.
    """
    row = (2, steps, frames, length)
    numbers = np.stack([uniform(seed, row) for seed in seeds])  # (N,2,K,T,L)
    gumbel = -np.log(np.maximum(-np.log(np.maximum(numbers[:, 1], _TINY)), _TINY))
    return Noise(numbers[:, 0], gumbel)


def decode_tokens(
    predict_logits: PredictLogits,
    shape: Sequence[int],
    mask_token: int,
    decoding: dict[str, Any],
    seeds: Sequence[int],
) -> np.ndarray:
    """Decode tokens from nothing but [MASK]; see :class:`ParallelDecoder`.

    Args:
        predict_logits: Maps tokens (N,T,L) to logits (N,T,L,K+1); the last class is [MASK].
        shape: (N,T,L).
        mask_token: Id of [MASK], K.
        decoding: ``masked_counts``, ``top_k``, ``temperature`` and ``greedy`` of a
            :class:`Manifest`.
        seeds: One for each object.

    Returns:
        Tokens (N,T,L) int64 in [0, K).
    """
    counts = decoding['masked_counts']
    candidates = min(decoding['top_k'] or mask_token, mask_token)
    noise = None if decoding['greedy'] else draw_noise(seeds, len(counts), shape[1], shape[2])
    tokens = np.full(tuple(shape), mask_token, np.int64)
    for step, count in enumerate(counts):
        logits = predict_logits(tokens)[..., :-1]  # (N,T,L,K)
        masked = tokens == mask_token
        scale = decoding['temperature'] * (1 - step / len(counts))
        sampled, confidence = _sample(logits, candidates, step, scale, noise)
        tokens = np.where(masked, sampled, tokens)
        if step + 1 < len(counts):
            confidence = np.where(masked, confidence, np.inf)
            lowest = np.argpartition(confidence, count - 1, axis=-1)[..., :count]
            np.put_along_axis(tokens, lowest, mask_token, axis=-1)
    return tokens


def _sample(
    logits: np.ndarray, candidates: int, step: int, scale: float, noise: Noise | None
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (N,T,L) and their confidence (N,T,L) from logits (N,T,L,K)."""
    ids = np.argpartition(-logits, candidates - 1, axis=-1)[..., :candidates]
    ids = np.sort(ids, axis=-1)  # the order in which they share out [0, 1)
    log_p = _log_probability(logits, ids)
    if noise is None:
        choice = log_p.argmax(axis=-1)[..., None]  # (N,T,L,1)
        spread = np.float32(0)
    else:
        ends = (np.exp(log_p) * _SHARES).astype(np.int64).cumsum(axis=-1)[..., :-1]
        drawn = (noise.choice[:, step, ..., None] * _SHARES).astype(np.int64)  # (N,T,L,1)
        choice = (ends <= drawn).sum(axis=-1, keepdims=True)
        spread = np.float32(scale) * noise.confidence[:, step]
    log_p = np.take_along_axis(log_p, choice, -1)[..., 0]
    return np.take_along_axis(ids, choice, -1)[..., 0], log_p + spread


def _log_probability(logits: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Of each candidate among the candidates; of a single one, where that says nothing, among all.

    Args:
        logits: (N,T,L,K).
        ids: Candidates (N,T,L,candidates).

    Returns:
        (N,T,L,candidates).
    """
    top = np.take_along_axis(logits, ids, -1)  # (N,T,L,candidates)
    among = logits if ids.shape[-1] == 1 else top
    highest = among.max(axis=-1, keepdims=True)
    total = np.exp(among - highest).sum(axis=-1, keepdims=True)
    return top - highest - np.log(total)
