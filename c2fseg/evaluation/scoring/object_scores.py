"""What scoring gives for each object, whatever the protocol: what it adds to the numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.coco_objects import Rle
from c2fseg.evaluation.scoring.predictions import Prediction

PREDICTION = 'prediction'
TRIVIAL_METHODS = ('visible', 'convex_hull')
MISSING_RULES = ('zero', 'skip', 'stop')

Terms = NDArray[np.float64]
"""What objects add above and below the fraction of each column, ``(n, columns, 2)``."""


class ScoreColumn(NamedTuple):
    """A number of a protocol.

    Attributes:
        method: ``'prediction'``, or a trivial one: ``'visible'``, ``'convex_hull'``.
        form: ``'raw'`` or ``'post'``.
        key: ``'mIoU_full'``, ``'mIoU_occ'``, ...
        title: What tables call it.
    """

    method: str
    form: str
    key: str
    title: str


class ProtocolScores:
    """The scores of all objects under one protocol.

    Attributes:
        protocol: Its name.
        columns: Its numbers.
        smooth: What is added below the fraction of each column.
    """

    protocol: str
    columns: list[ScoreColumn]
    smooth: NDArray[np.float64]

    @abstractmethod
    def terms(self, chosen: NDArray[np.intp]) -> Terms:
        """Returns what the chosen objects add to the columns, if there were no others."""


class ImageScores(ProtocolScores):
    """The scores of objects in images: their terms do not depend on other objects."""

    def __init__(self, protocol: str, columns: Sequence[ScoreColumn], every: Terms) -> None:
        self.protocol = protocol
        self.columns = list(columns)
        self.smooth = np.zeros(len(self.columns))
        self._every = every

    def terms(self, chosen: NDArray[np.intp]) -> Terms:
        """Returns what the chosen objects add to the columns."""
        return self._every[chosen]


@dataclass
class Scoring:
    """All that was scored.

    Attributes:
        hidden: Hidden share 1 - |V| / |A| of each object (of a clip: over its frames).
        scored: Places of the objects that the numbers speak of.
        protocols: The scores, by protocol.
        notes: What the reader of the numbers has to know.
    """

    hidden: NDArray[np.float64]
    scored: NDArray[np.intp]
    protocols: list[ProtocolScores]
    notes: list[str]


def given_mask(prediction: Prediction) -> Rle | None:
    """Returns the visible mask that the model was given, where that is not the truth.

    It is ``given_segmentation``; in files of other systems, which say nothing of a
    ``visible_source``, the visible mask that comes with the prediction. ``None`` where the file
    does not hold it: the visible masks in our own files are the model's output.
    """
    if prediction.given is not None or prediction.visible_source is not None:
        return prediction.given
    return prediction.visible


def check_missing_rule(missing: str) -> None:
    """Checks what becomes of objects without a prediction.

    Raises:
        ValueError: It is none of :data:`MISSING_RULES`.
    """
    if missing not in MISSING_RULES:
        raise ValueError(f'missing must be one of {MISSING_RULES}, got {missing!r}.')
