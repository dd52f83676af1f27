"""Who hides whom in a picture, from visible and completed masks that are coded as RLE.

Nothing is decoded: masks are intersected run by run, and only where their boxes overlap. The order
of a whole picture as a graph: :mod:`c2fseg.evaluation.functional.occlusion_graph`. The order that
true masks imply under the protocol ``pcnet``: :mod:`c2fseg.evaluation.functional.object_order`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from c2fseg.evaluation.functional.object_order import Order

MIN_SHARE = 0.01
Rle = Mapping[str, Any]


class Occlusion(NamedTuple):
    """One object hides a part of another.

    Attributes:
        front: Position of the object in front.
        back: Position of the object behind it.
        pixels: Pixels of the whole of ``back``, outside its own visible mask, that lie in the
            visible mask of ``front``.
    """

    front: int
    back: int
    pixels: int


def occlusion_order(
    visible: Sequence[Rle], amodal: Sequence[Rle], min_share: float = MIN_SHARE
) -> list[Occlusion]:
    """Find out which objects of a picture hide which.

    With h(a, b) the pixels of b that a hides, ``|(A_b without V_b) and V_a|``, a is in front of b
    when h(a, b) > h(b, a) and h(a, b) >= ``min_share * |A_b or V_b|``. So a pair has one direction
    at most, that of the larger part, and what a completed mask spills over a border stands for
    nothing. Two objects that hide equally much of each other have no order.

    Args:
        visible: V of the n objects, RLE of one size.
        amodal: Their completed masks A, the same number and size; they need not contain V.
        min_share: Least hidden share of the object behind, in [0, 1).

    Returns:
        One entry for each ordered pair, by ascending ``front``, then ``back``.

    Raises:
        ValueError: The numbers or sizes of the masks differ, or ``min_share`` is out of range.
    """
    _check(visible, amodal, min_share)
    if not len(visible):
        return []
    seen, whole = [[_as_bytes(rle) for rle in masks] for masks in (visible, amodal)]
    either = [coco_mask.merge([v, a]) for v, a in zip(seen, whole)]
    areas = coco_mask.area(either)
    touching = _boxes_overlap(coco_mask.toBbox(either))
    found = []
    for a, b in combinations(range(len(seen)), 2):
        if not touching[a, b]:
            continue
        over, under = (_hidden_pixels(seen, whole, *pair) for pair in ((a, b), (b, a)))
        front, back = (a, b) if over > under else (b, a)
        pixels = max(over, under)
        if over != under and pixels >= min_share * areas[back]:
            found.append(Occlusion(front, back, pixels))
    return sorted(found)


def order_matrix(occlusions: Sequence[Occlusion], num_objects: int) -> Order:
    """Write an order as the matrix that :func:`count_order` compares.

    Args:
        occlusions: From :func:`occlusion_order`.
        num_objects: Objects n of the picture.

    Returns:
        int8 (n, n): 1 where the object of the row lies over that of the column, -1 where it lies
        under it, 0 elsewhere.
    """
    order = np.zeros((num_objects, num_objects), np.int8)
    for front, back, _ in occlusions:
        order[front, back], order[back, front] = 1, -1
    return order


def _hidden_pixels(seen: Sequence[dict], whole: Sequence[dict], front: int, back: int) -> int:
    """Count the pixels of ``back``, outside its visible mask, in the visible mask of ``front``."""
    under = coco_mask.merge([whole[back], seen[front]], intersect=True)
    shown = coco_mask.merge([under, seen[back]], intersect=True)  # where visible masks overlap
    return int(coco_mask.area(under)) - int(coco_mask.area(shown))


def _boxes_overlap(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which boxes [x, y, width, height] (n, 4) share area: bool (n, n)."""
    start, end = boxes[:, None, :2], (boxes[:, :2] + boxes[:, 2:])[:, None]
    return (np.maximum(start, start.swapaxes(0, 1)) < np.minimum(end, end.swapaxes(0, 1))).all(-1)


def _as_bytes(rle: Rle) -> dict[str, Any]:
    counts = rle['counts']
    return {'size': rle['size'], 'counts': counts.encode() if isinstance(counts, str) else counts}


def _check(visible: Sequence[Rle], amodal: Sequence[Rle], min_share: float) -> None:
    if len(visible) != len(amodal):
        raise ValueError(
            f'Each object needs a visible and a completed mask, got {len(visible)} and '
            f'{len(amodal)}.'
        )
    if not 0 <= min_share < 1:
        raise ValueError(f'min_share must lie in [0, 1), got {min_share}.')
    masks = [*visible, *amodal]
    if any(
        not isinstance(rle, Mapping) or not isinstance(rle.get('counts'), str | bytes)
        for rle in masks
    ):
        raise ValueError('Masks must be compressed RLE; encode_mask makes it of an array.')
    sizes = {tuple(rle['size']) for rle in masks}
    if len(sizes) > 1:
        raise ValueError(f'The masks of a picture must have one size (H, W), got {sorted(sizes)}.')
