"""Mask schedules and the parallel decoding of tokens."""

from c2fseg.models.decoding.mask_schedulers import (
    BaseMaskScheduler,
    CosineMaskScheduler,
    CubicMaskScheduler,
    LinearMaskScheduler,
    LogMaskScheduler,
    SquareMaskScheduler,
)
from c2fseg.models.decoding.parallel_decoder import ParallelDecoder, masked_counts

__all__ = [
    'BaseMaskScheduler',
    'CosineMaskScheduler',
    'CubicMaskScheduler',
    'LinearMaskScheduler',
    'LogMaskScheduler',
    'ParallelDecoder',
    'SquareMaskScheduler',
    'masked_counts',
]
