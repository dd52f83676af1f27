"""The occlusion order of a picture's results: who hides whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from c2fseg.evaluation.functional import Occlusion, occlusion_order
from c2fseg.evaluation.functional.occlusion_order import MIN_SHARE


def picture_order(
    objects: Sequence[Mapping[str, Any]], min_share: float = MIN_SHARE
) -> list[dict[str, int]]:
    """Order the objects of a picture by their visible and completed masks.

    Args:
        objects: Results of objects with ``visible_rle`` and ``amodal_rle``; entries without them,
            such as those of unusable masks, take no part.
        min_share: Least hidden share, see :func:`occlusion_order`.

    Returns:
        The key ``occlusion_order`` of a picture: ``front`` and ``back``, positions in ``objects``,
        and ``pixels`` of the one behind that the one in front hides.
    """
    places = [p for p, item in enumerate(objects) if 'visible_rle' in item and 'amodal_rle' in item]
    found = occlusion_order(
        [objects[place]['visible_rle'] for place in places],
        [objects[place]['amodal_rle'] for place in places],
        min_share,
    )
    return [
        {'front': places[front], 'back': places[back], 'pixels': pixels}
        for front, back, pixels in found
    ]


def read_order(entries: Sequence[Mapping[str, int]]) -> list[Occlusion]:
    """Read the key ``occlusion_order`` of a picture back.

    Args:
        entries: From :func:`picture_order`.

    Returns:
        What the graph and its drawing take.
    """
    return [Occlusion(entry['front'], entry['back'], entry['pixels']) for entry in entries]
