"""Several data sets as one, each with the share of the draws that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from c2fseg.registry import DATASETS

from .sample_draw import SampleDraw

# Positions of one pass for every object of the data set that is drawn most thinly.
MAX_LENGTH = 50_000_000


@DATASETS.register_module()
class MixedDataset:
    """Objects of several data sets, in given shares, for training.

    A pass of a sampler over all positions meets every object of the data set with the most objects
    for its share at least once; those of the others come as often as their shares ask for, each of
    them equally often but for one time. Every data set keeps its own pipeline.

    Args:
        datasets: Data sets, or their configs.
        shares: Their shares of the draws, positive; they need not sum to 1. None: the numbers of
            their objects, so that each object comes once.
        lazy_init: Do not read the data sets yet: those that are configs are built unread, and
            :meth:`full_init` reads them.

    Raises:
        ValueError: No data set, shares that are not positive or not one for each, or a share so
            small that a pass would be longer than 50 million objects.
    """

    def __init__(
        self,
        datasets: Sequence[Any],
        shares: Sequence[float] | None = None,
        lazy_init: bool = False,
    ) -> None:
        if not datasets:
            raise ValueError('MixedDataset needs at least one data set')
        if shares is not None and (len(shares) != len(datasets) or min(shares) <= 0):
            raise ValueError(f'{len(datasets)} data sets need as many positive shares: {shares}')
        lazy = {'lazy_init': True} if lazy_init else {}
        self.datasets: list[BaseDataset] = [
            DATASETS.build({**item, **lazy}) if isinstance(item, dict) else item
            for item in datasets
        ]
        self.shares = shares
        self._counts = self._ends = np.zeros(0, np.int64)
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict[str, Any]:
        """What the first data set says of itself."""
        return dict(self.datasets[0].metainfo)

    def full_init(self) -> None:
        """Read all data sets, and lay out the positions.

        Raises:
            ValueError: When a pass would be too long.
        """
        for dataset in self.datasets:
            dataset.full_init()
        lengths = np.array([len(dataset) for dataset in self.datasets])
        weights = lengths if self.shares is None else np.asarray(self.shares, float)
        # So many passes that nobody is drawn less than once.
        counts = float((lengths / weights).max()) * weights
        if counts.sum() > MAX_LENGTH:
            raise ValueError(
                f'shares {self.shares} of data sets of {lengths.tolist()} objects make a pass of '
                f'{counts.sum():.0f} objects: give shares nearer to each other'
            )
        self._counts = np.maximum(np.rint(counts).astype(np.int64), 1)
        self._ends = np.cumsum(self._counts)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, idx: int | SampleDraw) -> dict:
        """Give an object, gone through the pipeline of its data set.

        Args:
            idx: Position, or a :class:`SampleDraw`, whose seed goes to the pipeline.

        Returns:
            What the pipeline returns.

        Raises:
            IndexError: When there is no such position.
        """
        position = idx.index if isinstance(idx, SampleDraw) else idx
        number, place = self.locate(position)
        if isinstance(idx, SampleDraw):
            return self.datasets[number][SampleDraw(place, idx.seed)]
        return self.datasets[number][place]

    def get_data_info(self, idx: int) -> dict:
        """Give the record at a position.

        Args:
            idx: Position.

        Returns:
            The record of its data set.

        Raises:
            IndexError: When there is no such position.
        """
        number, place = self.locate(idx)
        return self.datasets[number].get_data_info(place)

    def locate(self, position: int) -> tuple[int, int]:
        """Tell which object a position stands for.

        Args:
            position: 0 to ``len(self) - 1``.

        Returns:
            Number of the data set, position in it.

        Raises:
            IndexError: When there is no such position.
        """
        if not 0 <= position < len(self):
            raise IndexError(f'position {position} in a mix of {len(self)} objects')
        number = int(np.searchsorted(self._ends, position, side='right'))
        start = int(self._ends[number] - self._counts[number])
        return number, (position - start) % len(self.datasets[number])
