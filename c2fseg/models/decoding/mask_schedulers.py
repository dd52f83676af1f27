"""How large a part of the tokens is masked, as a function of the progress r in [0, 1].

All schedules fall from 1 at r = 0 to 0 at r = 1 (C2F-Seg, ICCV 2023, supplementary B).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import overload

import torch
from torch import Tensor

from c2fseg.registry import MASK_SCHEDULERS


class BaseMaskScheduler(ABC):
    """Maps a ratio r, a number or a tensor in [0, 1], to the masked fraction."""

    @overload
    def __call__(self, ratio: float) -> float: ...

    @overload
    def __call__(self, ratio: Tensor) -> Tensor: ...

    def __call__(self, ratio: float | Tensor) -> float | Tensor:
        """The masked fraction at ``ratio``.

        Args:
            ratio: Progress in [0, 1], a number or a tensor of any shape.

        Returns:
            Fraction in [0, 1], of the same kind as ``ratio``.

        Raises:
            ValueError: If a number lies outside [0, 1].
        """
        if isinstance(ratio, Tensor):
            return self.fraction(ratio).clamp(0.0, 1.0)
        if not 0.0 <= ratio <= 1.0:
            raise ValueError(f'{type(self).__name__}: ratio must lie in [0, 1], got {ratio}')
        value = float(self.fraction(torch.tensor(ratio, dtype=torch.float64)))
        return min(max(value, 0.0), 1.0)

    @abstractmethod
    def fraction(self, ratio: Tensor) -> Tensor:
        """The schedule itself, element by element; values are cut to [0, 1] afterwards."""


@MASK_SCHEDULERS.register_module()
class CosineMaskScheduler(BaseMaskScheduler):
    """cos(pi r / 2), the published choice."""

    def fraction(self, ratio: Tensor) -> Tensor:
        """See the base class."""
        return torch.cos(ratio * (math.pi / 2))


@MASK_SCHEDULERS.register_module()
class LinearMaskScheduler(BaseMaskScheduler):
    """1 - r."""

    def fraction(self, ratio: Tensor) -> Tensor:
        """See the base class."""
        return 1 - ratio


@MASK_SCHEDULERS.register_module()
class SquareMaskScheduler(BaseMaskScheduler):
    """1 - r^2."""

    def fraction(self, ratio: Tensor) -> Tensor:
        """See the base class."""
        return 1 - ratio**2


@MASK_SCHEDULERS.register_module()
class CubicMaskScheduler(BaseMaskScheduler):
    """1 - r^3."""

    def fraction(self, ratio: Tensor) -> Tensor:
        """See the base class."""
        return 1 - ratio**3


@MASK_SCHEDULERS.register_module()
class LogMaskScheduler(BaseMaskScheduler):
    """-log2(r) / log2(L), cut to 1 where r is below 1/L.

    Args:
        num_tokens: Tokens L of a frame.

    Raises:
        ValueError: If ``num_tokens`` is below 2.
    """

    def __init__(self, num_tokens: int = 256) -> None:
        if num_tokens < 2:
            raise ValueError(f'LogMaskScheduler: num_tokens must be at least 2, got {num_tokens}')
        self.num_tokens = num_tokens

    def fraction(self, ratio: Tensor) -> Tensor:
        """See the base class."""
        return -torch.log2(ratio) / math.log2(self.num_tokens)
