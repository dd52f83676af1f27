"""What a training sampler hands to a data set: which object, and with which luck."""

from __future__ import annotations

from typing import NamedTuple


class SampleDraw(NamedTuple):
    """One draw of a training sampler.

    The data set seeds numpy's global generator with ``seed`` before its pipeline runs, so that what
    a training sees depends on its seed and the number of the draw alone, and a resumed training
    needs no replay.

    Attributes:
        index: Position in the data set.
        seed: Seed of this draw's augmentation, 0 to 2**32 - 1.
    """

    index: int
    seed: int
