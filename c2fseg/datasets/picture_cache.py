"""The pictures that were read last, so that neighbouring objects of one picture share it."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np


class PictureCache:
    """Keeps the pictures that were read last.

    Each process has its own: a copy that is sent to another process arrives empty. A file that
    changed on disk is read again.

    Args:
        size: Most pictures to keep; 0 keeps none.

    Raises:
        ValueError: ``size`` is negative.
    """

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f'cache_size is a number of pictures, 0 or more, got {size}')
        self.size = size
        self._kept: OrderedDict[str, tuple[tuple[int, int, int], np.ndarray]] = OrderedDict()

    def get(self, path: str, read: Callable[[str], np.ndarray]) -> np.ndarray:
        """Give a picture.

        Args:
            path: File.
            read: Reads it, where it is not kept; its errors are passed on.

        Returns:
            The picture, which refuses to be written to: others will be given it too.
        """
        stamp = _stamp(path)
        kept = self._kept.get(path)
        if kept is not None and kept[0] == stamp:
            self._kept.move_to_end(path)
            return kept[1]
        picture = read(path)
        picture.flags.writeable = False
        if self.size > 0 and stamp is not None:
            self._kept[path] = (stamp, picture)
            self._kept.move_to_end(path)
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
        return picture

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_kept': OrderedDict()}


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What changes when a file does; None for one that is not there."""
    try:
        state = os.stat(path)
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
