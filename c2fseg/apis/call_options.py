"""Options of a call for pictures, checked before any work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

from c2fseg.apis.call_helpers import check_options

# What can be written into ``out_dir``: drawings, one PNG for each mask, JSON files.
SAVE = ('pictures', 'masks', 'json')


@dataclass(frozen=True)
class CallOptions:
    """How objects are completed, see :meth:`AmodalInferencer.__call__`."""

    num_hypotheses: int = 1
    batch_size: int = 8
    seed: int = 0
    return_arrays: bool = True
    post_process: bool = False
    on_error: str = 'raise'

    def __post_init__(self) -> None:
        check_options(self.batch_size, self.seed, self.on_error, self.num_hypotheses)


@dataclass(frozen=True)
class OutputOptions:
    """What is written where, see :meth:`AmodalInferencer.__call__`.

    Raises:
        ValueError, TypeError: An option is none of its choices, or needs another.
    """

    out_dir: str | os.PathLike | None = None
    save: Sequence[str] = SAVE
    resume: bool = False
    shard: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        if isinstance(self.save, str) or not set(self.save) <= set(SAVE):
            raise ValueError(f'save holds some of {SAVE}, got {self.save!r}')
        if self.resume and (self.out_dir is None or 'json' not in self.save):
            raise ValueError(
                "resume=True needs the out_dir of the interrupted call, and 'json' in save"
            )
        if len(self.shard) != 2 or not all(isinstance(one, Integral) for one in self.shard):
            raise TypeError(f'shard is (number, count), got {self.shard!r}')
        number, count = self.shard
        if not 0 <= number < count:
            raise ValueError(f'shard is (number, count) with 0 <= number < count, got {self.shard}')

    @property
    def folder(self) -> Path | None:
        """The folder of all outputs."""
        return None if self.out_dir is None else Path(self.out_dir).expanduser()
