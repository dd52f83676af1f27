"""Fills in all tokens of a mask in K steps, the most certain ones first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from c2fseg.models.decoding.mask_schedulers import BaseMaskScheduler
from c2fseg.registry import MASK_SCHEDULERS

PredictLogits = Callable[[Tensor], Tensor]
Generators = torch.Generator | Sequence[torch.Generator] | None

# Keeps 256 * 0.5 at 128 when the schedule returns 0.49999999.
_ROUNDING = 1e-6
# Parts that the probability of all candidates is cut into, more than single precision can tell.
_SHARES = 2**30


class _Noise(NamedTuple):
    """Noise of all steps."""

    choice: Tensor  # (N,K,T,L), uniform in [0, 1): which candidate becomes the token
    confidence: Tensor  # (N,K,T,L), Gumbel: added to the confidence


def masked_counts(scheduler: BaseMaskScheduler, num_steps: int, length: int) -> list[int]:
    """How many of ``length`` tokens the schedule leaves masked after each step.

    At least one token and at most one less than before stay masked. The entry of the last step is
    of no consequence for decoding, which returns every token of that step.

    Args:
        scheduler: Maps progress to the masked fraction.
        num_steps: Steps K.
        length: Tokens L.

    Returns:
        K counts.
    """
    counts = []
    remaining = length
    for step in range(num_steps):
        count = math.floor(length * scheduler((step + 1) / num_steps) + _ROUNDING)
        remaining = max(1, min(count, remaining - 1))
        counts.append(remaining)
    return counts


class ParallelDecoder:
    """Iterative parallel decoding (C2F-Seg, ICCV 2023, supplementary A.2); holds no parameter.

    Each step predicts all positions, samples a token at every masked one, and masks those of the
    lowest confidence again. The confidence of a fixed token is infinite: it is never masked again.

    Args:
        scheduler: A mask scheduler or its config in MASK_SCHEDULERS.
        num_steps: Steps K.
        top_k: Candidates to sample from, the most likely ones; ``None`` keeps all.
        temperature: Weight of the Gumbel noise on log p when the tokens to mask are chosen; it
            falls with step t (counted from 0) as 1 - t/K.
        greedy: Take the most likely token and use no noise at all.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        scheduler: BaseMaskScheduler | dict,
        num_steps: int = 3,
        top_k: int | None = 3,
        temperature: float = 4.5,
        greedy: bool = False,
    ) -> None:
        if not (isinstance(num_steps, int) and num_steps >= 1):
            raise ValueError(
                'ParallelDecoder: num_steps must be a whole number of at least 1, '
                f'got {num_steps!r}'
            )
        if top_k is not None and not (isinstance(top_k, int) and top_k >= 1):
            raise ValueError(
                'ParallelDecoder: top_k must be None or a whole number of at least 1, '
                f'got {top_k!r}'
            )
        if temperature < 0:
            raise ValueError(f'ParallelDecoder: temperature must not be negative: {temperature}')
        built = MASK_SCHEDULERS.build(scheduler) if isinstance(scheduler, dict) else scheduler
        self.scheduler: BaseMaskScheduler = built
        self.num_steps = num_steps
        self.top_k = top_k
        self.temperature = temperature
        self.greedy = greedy

    @torch.no_grad()
    def decode(
        self,
        predict_logits: PredictLogits,
        shape: Sequence[int],
        generator: Generators = None,
        mask_token: int | None = None,
        device: torch.device | str = 'cpu',
    ) -> Tensor:
        """Decode tokens from nothing but [MASK].

        Args:
            predict_logits: Maps tokens (N,T,L) to logits (N,T,L,K+1); the last class is [MASK].
            shape: (N,T,L).
            generator: ``None`` for torch's global generator, one generator for the batch, or one
                for each item: then an item's result does not depend on the batch it is in.
            mask_token: Id of [MASK]. ``None`` finds it out by one more call of
                ``predict_logits``, on zeros.
            device: Where the tokens live.

        Returns:
            Tokens (N,T,L) int64 in [0, codebook size).

        Raises:
            ValueError: If the shape, the number of generators or the classes do not fit.
        """
        if len(shape) != 3:
            raise ValueError(f'ParallelDecoder: shape must be (N,T,L), got {tuple(shape)}')
        if mask_token is None:
            probe = torch.zeros(tuple(shape), dtype=torch.long, device=device)
            mask_token = predict_logits(probe).shape[-1] - 1
        candidates = min(self.top_k or mask_token, mask_token)
        noise = None if self.greedy else self._draw(shape, generator, device)
        counts = masked_counts(self.scheduler, self.num_steps, shape[2])
        tokens = torch.full(tuple(shape), mask_token, dtype=torch.long, device=device)
        for step, count in enumerate(counts):
            logits = predict_logits(tokens)
            if logits.shape[-1] != mask_token + 1:
                raise ValueError(
                    f'ParallelDecoder: expected logits of {mask_token + 1} classes, '
                    f'got {logits.shape[-1]}'
                )
            masked = tokens == mask_token
            sampled, confidence = self._sample(logits[..., :-1].float(), candidates, step, noise)
            tokens = torch.where(masked, sampled, tokens)
            if step + 1 < self.num_steps:
                confidence = confidence.masked_fill(~masked, math.inf)
                lowest = confidence.topk(count, dim=-1, largest=False).indices  # (N,T,count)
                tokens = tokens.scatter(-1, lowest, mask_token)
        return tokens

    def _sample(
        self, logits: Tensor, candidates: int, step: int, noise: _Noise | None
    ) -> tuple[Tensor, Tensor]:
        """Tokens (N,T,L) and their confidence (N,T,L) from logits (N,T,L,K)."""
        ids = logits.topk(candidates, dim=-1).indices  # (N,T,L,candidates), most likely first
        if noise is None:
            return ids[..., 0], _log_probability(logits, ids)[..., 0]
        # The candidates share out [0, 1) in the order of their ids. In the order of probability,
        # rounding would change the choice wherever it swaps two that are nearly as likely.
        ids = ids.sort(dim=-1).values
        log_p = _log_probability(logits, ids)
        # Whole numbers: they add up to the same in any order, on any device.
        ends = (log_p.exp() * _SHARES).long().cumsum(dim=-1)[..., :-1]  # (N,T,L,candidates-1)
        drawn = (noise.choice[:, step, ..., None] * _SHARES).long()  # (N,T,L,1)
        choice = (ends <= drawn).sum(dim=-1, keepdim=True)  # (N,T,L,1)
        log_p = log_p.gather(-1, choice).squeeze(-1)  # (N,T,L)
        scale = self.temperature * (1 - step / self.num_steps)
        return ids.gather(-1, choice).squeeze(-1), log_p + scale * noise.confidence[:, step]

    def _draw(
        self,
        shape: Sequence[int],
        generator: Generators,
        device: torch.device | str,
    ) -> _Noise:
        """All noise of a decoding at once, on the generator's device, then moved to ``device``."""
        items, frames, length = shape
        row = (2, self.num_steps, frames, length)
        if generator is None or isinstance(generator, torch.Generator):
            source = device if generator is None else generator.device
            uniform = torch.rand((items, *row), generator=generator, device=source)
        else:
            if len(generator) != items:
                raise ValueError(
                    f'ParallelDecoder: expected one generator for each of {items} items, '
                    f'got {len(generator)}'
                )
            uniform = torch.stack(
                [torch.rand(row, generator=g, device=g.device) for g in generator]
            )
        choice, confidence = uniform.to(device, non_blocking=True).unbind(1)  # (N,K,T,L) each
        tiny = torch.finfo(uniform.dtype).tiny
        gumbel = -torch.log((-torch.log(confidence.clamp_min(tiny))).clamp_min(tiny))
        return _Noise(choice, gumbel)


def _log_probability(logits: Tensor, ids: Tensor) -> Tensor:
    """Of each candidate among the candidates; of a single one, where that says nothing, among all.

    Args:
        logits: (N,T,L,K).
        ids: Candidates (N,T,L,candidates).

    Returns:
        (N,T,L,candidates).
    """
    if ids.shape[-1] == 1:
        return logits.log_softmax(dim=-1).gather(-1, ids)
    return logits.gather(-1, ids).log_softmax(dim=-1)
