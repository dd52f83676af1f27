"""The training sampler: endless, and startable at any draw."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from c2fseg.datasets.sample_draw import SampleDraw
from c2fseg.registry import DATA_SAMPLERS
from c2fseg.utils.hashing import hash_numbers
from c2fseg.utils.slow_progress import track_if_slow

GROUPS = (None, 'image')


@DATA_SAMPLERS.register_module()
class ResumableInfiniteSampler(Sampler):
    """Draws items without end; draw number g is a function of the seed and g alone.

    Draw g belongs to epoch ``g // len(dataset)``, and an epoch is a permutation of the data set.
    Process r of W takes the draws r, r + W, r + 2 W, ..., so all processes together walk through
    one common order. A resumed training calls ``start`` and goes on where it stood, without
    reading again what it has seen.

    Where a picture holds several objects and reading it costs much, ``group_by='image'`` gives
    them one after another, so that a worker process that keeps its last pictures
    (``LoadFrames(cache_size=...)``) reads each once. Groups come in random order, and so do the
    objects of a group; each object still comes once an epoch. For runs of ``run_length`` draws on
    end belong to one process then, not every W-th draw.

    Args:
        dataset: The data set, of which only the length is used, unless draws are grouped.
        seed: Seed of order and augmentation. None takes a random one, equal on all processes.
        shuffle: False keeps the data set's order in every epoch (of the first objects of groups,
            if there are groups).
        group_by: 'image' gives the objects of a picture one after another; None does not.
        group_size: Most objects of a picture on end: a picture with more makes several groups,
            formed anew every epoch, so that a batch is not all of one picture. None: no limit.
        run_length: Draws on end that a process takes when they are grouped; a multiple of the
            batch size keeps batches to one run.

    Raises:
        TypeError: Draws are to be grouped and the data set does not name its pictures.
        ValueError: The data set is empty, or an argument is out of range or without effect.
    """

    def __init__(
        self,
        dataset: Any,
        seed: int | None = None,
        shuffle: bool = True,
        group_by: str | None = None,
        group_size: int | None = None,
        run_length: int = 64,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.length = len(dataset)
        if self.length == 0:
            raise ValueError(
                'The training data set is empty, expected at least one item: check ann_file and '
                'the filters of the data set (occlusion_range, min_visible_area).'
            )
        self.seed = int(sync_random_seed() if seed is None else seed)
        self.shuffle = shuffle
        if group_by not in GROUPS:
            raise ValueError(f'group_by is one of {GROUPS}, got {group_by!r}')
        if group_size is not None and (group_by is None or group_size < 1):
            raise ValueError(
                f"group_size is at least 1, and for group_by='image' only, got {group_size} with "
                f'group_by={group_by!r}'
            )
        if run_length < 1:
            raise ValueError(f'run_length is at least 1, got {run_length}')
        self.group_size = group_size
        self.run_length = 1 if group_by is None else run_length
        self._groups = None if group_by is None else _images_of(dataset)
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
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for number in itertools.count(self._first_draw):
            draw = self._draw(number)
            if draw // self.length != epoch:
                epoch = draw // self.length
                order = self._order(epoch)
            index = int(order[draw % self.length])
            yield SampleDraw(index=index, seed=hash_numbers(self.seed, draw))

    def __len__(self) -> int:
        """Draws of one process in one epoch, rounded up."""
        return math.ceil(self.length / self.world_size)

    def _draw(self, number: int) -> int:
        """Which draw of the common order is this process's draw ``number``."""
        run, place = divmod(number, self.run_length)
        return (run * self.world_size + self.rank) * self.run_length + place

    def _order(self, epoch: int) -> np.ndarray:
        generator = np.random.default_rng(hash_numbers(self.seed, epoch, bits=64))
        order = generator.permutation(self.length) if self.shuffle else np.arange(self.length)
        return order if self._groups is None else self._gather(order, generator)

    def _gather(self, order: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Bring the objects of a picture together, in groups of no more than ``group_size``."""
        assert self._groups is not None
        order = order[np.argsort(self._groups[order], kind='stable')]
        images = self._groups[order]
        starts = np.flatnonzero(np.diff(images, prepend=-1))
        place = np.arange(self.length) - np.repeat(starts, np.diff([*starts, self.length]))
        first = place == 0 if self.group_size is None else place % self.group_size == 0
        group = np.cumsum(first) - 1
        number = int(group[-1]) + 1
        ranks = generator.permutation(number) if self.shuffle else np.arange(number)
        return order[np.argsort(ranks[group], kind='stable')]


def _images_of(dataset: Any) -> np.ndarray:
    """Number the pictures of a data set by first appearance, and give each object its picture's."""
    if not hasattr(dataset, 'get_data_info'):
        raise TypeError(
            f"group_by='image' needs a data set whose get_data_info tells img_paths, got "
            f'{type(dataset).__name__}: leave group_by out'
        )
    numbers: dict[str, int] = {}
    positions = track_if_slow(range(len(dataset)), len(dataset), 'grouping objects by image')
    paths = (dataset.get_data_info(position)['img_paths'][0] for position in positions)
    return np.array([numbers.setdefault(path, len(numbers)) for path in paths])
