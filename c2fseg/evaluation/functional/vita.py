"""The protocol of ViTA-Seg (``vita``): how it compares itself with C2F-Seg, true V given.

With P the prediction, A the amodal truth, V the true visible mask, O = A without V. It is not the
protocol ``c2f-image``: other crops, other objects that count, no smoothing, no post-processing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from c2fseg.evaluation.functional.image_protocol import FULL, OCCLUDED, ImageProtocol, Measure
from c2fseg.evaluation.functional.region_counts import Region, RegionCounts

HIDDEN_SHARE = 0.001  # of |A|; an object counts as occluded above it


class VitaScore(NamedTuple):
    """The score of one object.

    Attributes:
        full: IoU of P and A, 1 where both are empty.
        occluded: IoU of the predicted and the true occluded part; 0 where it does not count.
        counted: Whether it counts as occluded, 1 or 0.
        visible: Share of V that the prediction keeps; 0 where V is empty.
        seen: Whether V is not empty, 1 or 0.
    """

    full: float
    occluded: float
    counted: int
    visible: float
    seen: int


def score_vita(
    regions: RegionCounts,
    prediction: Region,
    visible_is_predicted: bool,
    hidden: Region | None = None,
) -> VitaScore:
    """Scores one object.

    - full = |P and A| / |P or A|, nothing smoothed; 1 where both are empty.
    - occluded = |Q and O| / |Q or O|, with Q what a head of its own predicts of the occluded part,
      or P without V where the model has no such head; over objects with |O| > 0.001 |A|.
    - visible = |P and V and A| / |V|, over objects with a nonempty V.

    A sample that fails adds 0 and is counted: give an empty P.

    Args:
        regions: Counts of the masks ``amodal`` and ``visible`` (true ones), and of those that
            ``prediction`` and ``hidden`` are made of.
        prediction: P.
        visible_is_predicted: Changes nothing here: the rules are the same for every source.
        hidden: Q; ``None``: P without V.

    Source: ViTA-Seg, arXiv 2512.09510, and the evaluation released with it.
    """
    del visible_is_predicted  # part of the signature that all protocols share
    amodal, visible = regions['amodal'], regions['visible']
    union = regions.area(prediction | amodal)
    full = regions.area(prediction & amodal) / union if union else 1.0
    occluded_part = amodal & ~visible
    counted = regions.area(occluded_part) > HIDDEN_SHARE * regions.area(amodal)
    found = prediction & ~visible if hidden is None else hidden
    occluded = 0.0
    if counted:
        occluded = regions.area(found & occluded_part) / regions.area(found | occluded_part)
    seen = regions.area(visible)
    kept = regions.area(prediction & visible & amodal) / seen if seen else 0.0
    return VitaScore(full, occluded, int(counted), kept, int(seen > 0))


def merge_vita(frames: Sequence[VitaScore]) -> VitaScore:
    """Returns the mean over frames, of each number over the frames that count for it."""
    counted = sum(frame.counted for frame in frames)
    seen = sum(frame.seen for frame in frames)
    return VitaScore(
        sum(frame.full for frame in frames) / len(frames),
        sum(frame.occluded for frame in frames) / max(counted, 1),
        int(counted > 0),
        sum(frame.visible for frame in frames) / max(seen, 1),
        int(seen > 0),
    )


VISIBLE = Measure('visible_recall', 'visible', lambda score: (score.visible, score.seen))

VITA = ImageProtocol(score_vita, merge_vita, (FULL, OCCLUDED, VISIBLE), forms=('raw',))
