"""The masks of one object over its frames: brought into one form, and measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from c2fseg.structures import to_rle


class MaskAreas(NamedTuple):
    """Pixels of one object, summed over its frames.

    Attributes:
        visible: Pixels of V.
        amodal: Pixels of A.
        outside: Pixels of V that are not in A.
    """

    visible: int
    amodal: int
    outside: int

    @property
    def occlusion_rate(self) -> float:
        """1 - V / A."""
        return 1.0 - self.visible / self.amodal


def to_rles(
    masks: Sequence[Any], height: int, width: int, numbers: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Check the masks of all frames and bring them into compressed RLE.

    Args:
        masks: Any kinds that :func:`c2fseg.structures.to_rle` reads.
        height: H of the pictures.
        width: W of the pictures.
        numbers: Numbers of the frames for messages, which name no frame when None.

    Returns:
        One RLE per mask.

    Raises:
        TypeError, ValueError: When a mask is wrong.
    """
    rles = []
    for place, mask in enumerate(masks):
        try:
            rles.append(to_rle(mask, height, width))
        except (TypeError, ValueError) as error:
            if numbers is None:
                raise
            raise type(error)(f'frame {numbers[place]}: {error}') from error
    return rles


def mask_areas(visible: Sequence[dict[str, Any]], amodal: Sequence[dict[str, Any]]) -> MaskAreas:
    """Measure an object.

    Args:
        visible: T visible masks as RLE.
        amodal: T amodal masks as RLE.

    Returns:
        Sums over the frames.
    """
    seen = int(sum(coco_mask.area(rle) for rle in visible))
    whole = int(sum(coco_mask.area(rle) for rle in amodal))
    overlap = sum(
        int(coco_mask.area(coco_mask.merge([v, a], intersect=True)))
        for v, a in zip(visible, amodal)
    )
    return MaskAreas(seen, whole, seen - overlap)


def frame_arrays(
    frames: int,
    valid: Sequence[bool] | None,
    counted: Sequence[bool] | None,
    numbers: Sequence[int] | None,
) -> dict[str, np.ndarray]:
    """What a record says of its frames.

    Args:
        frames: T.
        valid: Which frames are real, all when None.
        counted: Which of them count in video scores, the real ones when None.
        numbers: Their numbers in the video, 0 to T - 1 when None.

    Returns:
        ``frame_valid`` and ``frame_counted`` bool (T,), ``frame_indices`` int (T,).
    """
    are_valid = np.ones(frames, bool) if valid is None else np.asarray(valid, bool)
    are_counted = are_valid.copy() if counted is None else np.asarray(counted, bool)
    indices = np.arange(frames) if numbers is None else np.asarray(numbers)
    return {'frame_valid': are_valid, 'frame_counted': are_counted, 'frame_indices': indices}
