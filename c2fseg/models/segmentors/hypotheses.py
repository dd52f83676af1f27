"""Several amodal masks of one object: what they share, how they are drawn, how far each is trusted.

A hidden shape is ambiguous. The first hypothesis is the model's plain answer; the others are drawn
by a decoding of several steps, in which the tokens that were drawn first shape all that follows.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from c2fseg.models.decoding import ParallelDecoder
from c2fseg.models.segmentors.settings import TestSettings

ObjectGenerators = Sequence[torch.Generator] | None


class Condition(NamedTuple):
    """What the decoding of a batch starts from; the same for all hypotheses of an object.

    Attributes:
        feats: Feature maps (N*T,C_i,h_i,w_i).
        visible: Visible masks (N,T,1,h,w).
        embedded: The fixed part of the transformer's state (N,T,L,D').
        frame_valid: Bool (N,T), or None where all frames are real.
    """

    feats: tuple[Tensor, ...]
    visible: Tensor
    embedded: Tensor
    frame_valid: Tensor | None

    def take(self, objects: Sequence[int]) -> Condition:
        """The condition of some objects, each as often as it is named."""
        index = torch.tensor(objects, device=self.visible.device)
        batch = self.visible.shape[:2]
        return Condition(
            tuple(feat.unflatten(0, batch)[index].flatten(0, 1) for feat in self.feats),
            self.visible[index],
            self.embedded[index],
            None if self.frame_valid is None else self.frame_valid[index],
        )


Decode = Callable[[Condition, ParallelDecoder, ObjectGenerators], dict[str, Tensor]]
"""Completes the objects of a condition: probabilities (N,T,h,w) by name."""


def object_generators(
    seed: int | None, sample_ids: Sequence[str], hypothesis: int = 0
) -> list[torch.Generator] | None:
    """A generator for each object, that depends on the seed and the names alone.

    Args:
        seed: ``None`` leaves the randomness to torch's global generator.
        sample_ids: Names of the objects.
        hypothesis: Number of the hypothesis; the first has the generator of a single mask.
    """
    if seed is None:
        return None
    end = f'/{hypothesis}' if hypothesis else ''
    keys = [f'{seed}/{name}{end}' for name in sample_ids]
    return [torch.Generator().manual_seed(zlib.crc32(key.encode())) for key in keys]


def decode_hypotheses(
    decode: Decode,
    condition: Condition,
    decoder: ParallelDecoder,
    generators: Sequence[ObjectGenerators],
    settings: TestSettings,
) -> dict[str, Tensor]:
    """Draw all hypotheses of a batch; the hypotheses after the first run as one batch.

    Args:
        decode: Completes the objects of a condition.
        condition: Of the N objects.
        decoder: The model's, for the first hypothesis; its schedule serves the others.
        generators: For each of the n hypotheses N generators, or None.
        settings: How the others are drawn, and how many at once.

    Returns:
        Probabilities by name, (N,n,T,h,w).
    """
    first = decode(condition, decoder, generators[0])
    others = ParallelDecoder(
        decoder.scheduler,
        num_steps=settings.hypothesis_steps,
        top_k=settings.hypothesis_top_k,
        temperature=settings.hypothesis_temperature,
    )
    number = len(condition.visible)
    rows = [(h, item) for h in range(1, len(generators)) for item in range(number)]
    parts = [first]
    for start in range(0, len(rows), settings.hypothesis_batch):
        chunk = rows[start : start + settings.hypothesis_batch]
        lists = [generators[h] for h, _ in chunk]
        own = [one[item] for one, (_, item) in zip(lists, chunk) if one is not None] or None
        parts.append(decode(condition.take([item for _, item in chunk]), others, own))
    return {
        name: torch.cat([part[name] for part in parts])  # (n*N,T,h,w)
        .unflatten(0, (len(generators), number))
        .transpose(0, 1)
        for name in first
    }


def expected_iou(masks: Tensor, probability: Tensor) -> Tensor:
    """IoU with the truth that is to be expected of masks if pixels have these probabilities.

    Args:
        masks: Bool (N,n,T,h,w).
        probability: Of belonging to the object, (N,T,h,w).

    Returns:
        (N,n) in [0, 1]: sum of p inside the mask over (area of the mask + sum of p outside).
    """
    p = probability.unsqueeze(1)  # (N,1,T,h,w)
    inside = (p * masks).flatten(2).sum(dim=-1)  # (N,n)
    either = masks.flatten(2).sum(dim=-1) + (p * ~masks).flatten(2).sum(dim=-1)
    # Nothing predicted and nothing expected: the two agree.
    return torch.where(either > 0, inside / either.clamp_min(1e-12), torch.ones_like(inside))


def weigh_hypotheses(crops: Tensor, settings: TestSettings) -> tuple[Tensor, Tensor]:
    """How far each hypothesis of an object is trusted, and how uncertain the object is.

    The likelihood of the drawn tokens does not rank hypotheses by their IoU with the truth
    (``docs/hypotheses.md``); how well one agrees with all of them does. So with p the mean of the
    probabilities over the hypotheses and E :func:`expected_iou` under p, the confidences are the
    softmax of E / ``confidence_temperature`` over the hypotheses, and the uncertainty is 1 - E of
    the mask where p exceeds the threshold.

    Args:
        crops: Refined probabilities (N,n,T,h,w).
        settings: Threshold and temperature.

    Returns:
        Confidences (N,n), which sum to 1 for each object, and uncertainties (N,) in [0, 1].
    """
    mean = crops.mean(dim=1)  # (N,T,h,w)
    scores = expected_iou(crops > settings.threshold, mean)
    confidence = (scores / settings.confidence_temperature).softmax(dim=1)
    own = expected_iou((mean > settings.threshold).unsqueeze(1), mean)[:, 0]
    return confidence, (1 - own).clamp(0, 1)
