"""The training sampler: endless, and startable at any draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from c2fseg.datasets.sample_draw import SampleDraw
from c2fseg.registry import DATA_SAMPLERS
from c2fseg.utils.hashing import hash_numbers


@DATA_SAMPLERS.register_module()
class ResumableInfiniteSampler(Sampler):
    """Draws items without end; draw number g is a function of the seed and g alone.

    Draw g belongs to epoch ``g // len(dataset)``, and an epoch is a permutation of the data set.
    Process r of W takes the draws r, r + W, r + 2 W, ..., so all processes together walk through
    one common order. A resumed training calls ``start`` and goes on where it stood, without
    reading again what it has seen.

    Args:
        dataset: The data set, of which only the length is used.
        seed: Seed of order and augmentation. None takes a random one, equal on all processes.
        shuffle: False keeps the data set's order in every epoch.

    Raises:
        ValueError: The data set is empty.
    """

    def __init__(self, dataset: Sized, seed: int | None = None, shuffle: bool = True) -> None:
        self.rank, self.world_size = get_dist_info()
        self.length = len(dataset)
        if self.length == 0:
            raise ValueError(
                'The training data set is empty, expected at least one item: check ann_file and '
                'the filters of the data set (occlusion_range, min_visible_area).'
            )
        self.seed = int(sync_random_seed() if seed is None else seed)
        self.shuffle = shuffle
        self._first_draw = 0

    def start(self, draw_per_rank: int) -> None:
        """Sets where the next iteration begins.

        Args:
            draw_per_rank: How many draws every process has taken before.

        Raises:
            ValueError: The number is negative.
        """
        if draw_per_rank < 0:
            raise ValueError(f'draw_per_rank must be 0 or more, got {draw_per_rank}.')
        self._first_draw = int(draw_per_rank)

    def __iter__(self) -> Iterator[SampleDraw]:
        draw = self._first_draw * self.world_size + self.rank
        epoch, order = -1, np.empty(0, dtype=np.int64)
        while True:
            if draw // self.length != epoch:
                epoch = draw // self.length
                order = self._order(epoch)
            index = int(order[draw % self.length])
            yield SampleDraw(index=index, seed=hash_numbers(self.seed, draw))
            draw += self.world_size

    def __len__(self) -> int:
        """Draws of one process in one epoch, rounded up."""
        return math.ceil(self.length / self.world_size)

    def _order(self, epoch: int) -> np.ndarray:
        if not self.shuffle:
            return np.arange(self.length)
        generator = np.random.default_rng(hash_numbers(self.seed, epoch, bits=64))
        return generator.permutation(self.length)
