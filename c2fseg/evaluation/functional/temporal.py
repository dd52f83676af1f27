"""How steady a predicted mask is from frame to frame, apart from the object's own motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from c2fseg.evaluation.functional.frame_scores import Values


class Motion(NamedTuple):
    """A pair of adjacent frames and how the object moves between them.

    Attributes:
        first: The earlier frame t; the later one is t + 1.
        rows: Displacement downwards from t to t + 1, in pixels.
        columns: Displacement to the right, in pixels.
    """

    first: int
    rows: int
    columns: int


def true_motions(amodal: NDArray[np.bool_]) -> list[Motion]:
    """Finds the pairs of adjacent frames between which the motion of the object is known.

    Both true masks are nonempty and touch no border of the image: of an object that is cut off,
    neither the shape nor the centre can be compared. The motion is the displacement of the
    centroid, rounded to whole pixels (a half to the even number).

    Args:
        amodal: True amodal masks A of adjacent frames, ``(T, H, W)`` bool.
    """
    some = amodal.any(axis=(0, 2)), amodal.any(axis=(0, 1))  # (H,), (W,)
    if not some[0].any():
        return []
    (top, bottom), (left, right) = (np.flatnonzero(line)[[0, -1]] for line in some)
    box = amodal[:, top : bottom + 1, left : right + 1]  # sums are slow, and most is background
    rows, columns = np.count_nonzero(box, axis=2), np.count_nonzero(box, axis=1)
    area = rows.sum(axis=1)  # (T,)
    border = amodal[:, [0, -1]].any(axis=(1, 2)) | amodal[:, :, [0, -1]].any(axis=(1, 2))
    whole = (area > 0) & ~border
    centre_row = rows @ np.arange(rows.shape[1]) / np.maximum(area, 1)
    centre_column = columns @ np.arange(columns.shape[1]) / np.maximum(area, 1)
    return [
        Motion(
            t,
            round(float(centre_row[t + 1] - centre_row[t])),
            round(float(centre_column[t + 1] - centre_column[t])),
        )
        for t in range(len(amodal) - 1)
        if whole[t] and whole[t + 1]
    ]


def stability(masks: NDArray[np.bool_], motions: Sequence[Motion]) -> Values:
    """Returns the IoU of each mask, moved with the object, with the next mask.

    The two are compared in the pixels that both frames can show: what moves out of the image, or
    into it, is left out. An empty pair scores 0: a predictor that finds nothing is not steady.

    Args:
        masks: Predicted (or true) masks, ``(T, H, W)`` bool.
        motions: The pairs, from :func:`true_motions`.

    Returns:
        One value for each pair, in [0, 1].
    """
    values = np.zeros(len(motions))
    for number, (t, rows, columns) in enumerate(motions):
        before, after = _overlapping(masks[t], masks[t + 1], rows, columns)
        both = np.count_nonzero(before & after)
        either = np.count_nonzero(before | after)
        values[number] = both / either if either else 0.0
    return values


def _overlapping(
    first: NDArray[np.bool_], second: NDArray[np.bool_], rows: int, columns: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cuts both masks to the pixels p of the first and p + (rows, columns) of the second."""
    height, width = first.shape
    from_rows = slice(max(0, -rows), min(height, height - rows))
    to_rows = slice(max(0, rows), min(height, height + rows))
    from_columns = slice(max(0, -columns), min(width, width - columns))
    to_columns = slice(max(0, columns), min(width, width + columns))
    return first[from_rows, from_columns], second[to_rows, to_columns]
