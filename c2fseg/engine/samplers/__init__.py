"""Samplers: the order in which a training sees its data."""

from .resumable_infinite_sampler import ResumableInfiniteSampler

__all__ = ['ResumableInfiniteSampler']
