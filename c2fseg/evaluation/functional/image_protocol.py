"""What an evaluation protocol for images consists of: how an object is scored, how scores average.

Every number of every protocol is a fraction of two sums over the objects: for a mean over objects
the values above and the objects that count below, for pooled pixels the intersections above and
the unions below. So a score says what its object adds above and below, and any subset of objects
(a category, a bucket, a bootstrap sample) is averaged the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.region_counts import Region, RegionCounts

Terms = tuple[float, float]
"""What an object adds above and below the fraction of a measure."""


class Score(Protocol):
    """What the scores of all image protocols have in common.

    Attributes:
        full: IoU of prediction and amodal truth.
        occluded: IoU of their occluded parts; NaN where the protocol has none.
        counted: What the object adds to the number of occluded objects.
    """

    @property
    def full(self) -> float: ...

    @property
    def occluded(self) -> float: ...

    @property
    def counted(self) -> int: ...


class ObjectScore(NamedTuple):
    """The score of one object.

    Attributes:
        full: IoU of prediction and amodal truth.
        occluded: IoU of the two without the true visible mask; what enters the numerator of the
            mean, also where ``counted`` is 0.
        counted: What the object adds to the number of occluded objects: 1 or 0 (-1 is possible
            under ``c2f-image``).
    """

    full: float
    occluded: float
    counted: int


class Measure(NamedTuple):
    """One number of a protocol.

    Attributes:
        key: What the returned key ends with, e.g. ``'mIoU_full'``.
        title: What the column of the table is called.
        terms: What a score adds above and below the fraction.
        smooth: Added once below the fraction.
    """

    key: str
    title: str
    terms: Callable[[Any], Terms]
    smooth: float = 0.0


FULL = Measure('mIoU_full', 'full', lambda score: (score.full, 1))
OCCLUDED = Measure('mIoU_occ', 'occ', lambda score: (score.occluded, score.counted))

ScoreFunction = Callable[[RegionCounts, Region, bool, 'Region | None'], Any]
"""(counts of the masks, P, whether the given visible mask is predicted, predicted O) -> score."""


class ImageProtocol(NamedTuple):
    """A named way to score objects in images.

    Attributes:
        score: Scores one object.
        merge: Makes one score of those of the frames of a clip.
        measures: The numbers that it reports.
        unit: What the means count: ``'object'`` or ``'pixel'``.
        forms: ``'raw'``, and ``'post'`` where the protocol knows a post-processing: P united with
            the visible mask that the model was given.
        number_occluded: Whether it counts occluded objects.
    """

    score: ScoreFunction
    merge: Callable[[Sequence[Any]], Any]
    measures: tuple[Measure, ...] = (FULL, OCCLUDED)
    unit: str = 'object'
    forms: tuple[str, ...] = ('raw', 'post')
    number_occluded: bool = True


def measure_terms(measure: Measure, scores: Sequence[Score]) -> NDArray[np.float64]:
    """Returns what each object adds above and below the fraction, ``(n, 2)``.

    For a bootstrap draw rows with replacement and give them to :func:`fraction`.
    """
    return np.array([measure.terms(score) for score in scores], dtype=np.float64).reshape(-1, 2)


def fraction(measure: Measure, terms: NDArray[np.float64]) -> float:
    """Returns the sum above over the sum below; NaN where there is nothing below."""
    above, below = float(terms[:, 0].sum()), float(terms[:, 1].sum()) + measure.smooth
    return above / below if below > 0 else float('nan')


def mean_of_frames(frames: Sequence[ObjectScore]) -> ObjectScore:
    """Returns the mean of full over the frames, and of occluded over those that count."""
    counted = sum(frame.counted for frame in frames)
    full = sum(frame.full for frame in frames) / len(frames)
    if counted <= 0:
        return ObjectScore(full, 0.0, 0)
    return ObjectScore(full, sum(frame.occluded for frame in frames) / counted, 1)
