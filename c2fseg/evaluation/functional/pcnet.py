"""The protocol of PCNet (``pcnet``): pixels of all objects of a data set pooled.

Sums of pixels are kept, not means of objects, so big objects dominate. The true visible mask is
the model's input and nothing is pasted into the prediction. The order of objects, which PCNet
predicts too, is scored in ``object_order.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from c2fseg.evaluation.functional.image_protocol import ImageProtocol, Measure
from c2fseg.evaluation.functional.region_counts import Region, RegionCounts

SMOOTH = 1e-10  # below the fraction of sums, once


class PixelScore(NamedTuple):
    """The pixels of one object; the sums over objects are what is reported.

    Attributes:
        intersection: |P and A|.
        union: |P or A|.
        amodal: |A|.
    """

    intersection: int
    union: int
    amodal: int

    @property
    def full(self) -> float:
        """IoU of this object alone, 0 where P and A are empty."""
        return self.intersection / (self.union + SMOOTH)

    @property
    def occluded(self) -> float:
        """NaN: the protocol asks for no occluded part."""
        return float('nan')

    @property
    def counted(self) -> int:
        """0, for the same reason."""
        return 0


def score_pcnet(
    regions: RegionCounts,
    prediction: Region,
    visible_is_predicted: bool,
    hidden: Region | None = None,
) -> PixelScore:
    """Counts the pixels of one object: I = |P and A|, U = |P or A| and |A|.

    Over the objects of a data set mIoU = sum I / (sum U + 1e-10) and pAcc = sum I / sum |A|.
    An object whose P and A are empty adds 0 to all three sums.

    Args:
        regions: Counts of the mask ``amodal``, and of those that ``prediction`` is made of.
        prediction: P.
        visible_is_predicted: Changes nothing here.
        hidden: Changes nothing here.

    Source: Self-Supervised Scene De-occlusion, CVPR 2020, and the evaluation released with it.
    """
    del visible_is_predicted, hidden  # part of the signature that all protocols share
    amodal = regions['amodal']
    return PixelScore(
        regions.area(prediction & amodal),
        regions.area(prediction | amodal),
        regions.area(amodal),
    )


def merge_pcnet(frames: Sequence[PixelScore]) -> PixelScore:
    """Returns the sums over the frames of a clip."""
    return PixelScore(*(sum(values) for values in zip(*frames)))


PCNET = ImageProtocol(
    score_pcnet,
    merge_pcnet,
    (
        Measure('mIoU', 'mIoU', lambda score: (score.intersection, score.union), SMOOTH),
        Measure('pAcc', 'pAcc', lambda score: (score.intersection, score.amodal)),
    ),
    unit='pixel',
    forms=('raw',),
    number_occluded=False,
)
