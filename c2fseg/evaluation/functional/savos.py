"""The Fishbowl protocol of SaVos (``savos``): which rows are scored, and how.

A row is one object in one frame. The occluded region is what lies under other visible objects,
A and not L, with L the pixels where no other object is visible. The prediction is always
post-processed: the truth is pasted outside the occluders.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from c2fseg.evaluation.functional.c2f_video import hidden_shares
from c2fseg.evaluation.functional.clip_protocol import (
    ClipCase,
    ClipProtocol,
    overlap,
    paste_visible,
)
from c2fseg.evaluation.functional.frame_scores import Flags, FrameScores, Values
from c2fseg.evaluation.functional.region_counts import ClipRegionCounts, Region

SMOOTH = 1e-6  # on both sides of the fraction: two empty masks agree
HIDDEN_RANGE = (0.1, 0.7)  # both ends excluded
COLUMNS = ('v_id', 'obj_id', 'frame_id', 'OCC_R', 'test')

RowName = tuple[str, str, int]
"""(video, object, frame): names as text, numbers without leading zeros."""


def score_savos(case: ClipCase, prediction: Region) -> FrameScores:
    """Scores the frames of one object; those of :func:`rows_from_truth` count, whatever c_t says.

    With P' from :func:`paste_visible`:

    - full = (|P' and A| + 1e-6) / (|P' or A| + 1e-6).
    - occluded = (|P and A not L| + 1e-6) / (|P not L or A not L| + 1e-6): 1 where both are empty.

    Args:
        case: The masks, with those of other objects.
        prediction: P, raw or pasted: pasting twice changes nothing.

    Returns:
        FrameScores: Of all T frames.

    Source: SaVos, NeurIPS 2022, and the evaluation released with it.
    """
    assert case.others is not None, 'the protocol requires the other objects'
    pasted = paste_visible(case._replace(prediction=prediction))
    full = smoothed_ratio(case.regions, pasted, case.amodal)
    occluded = smoothed_ratio(case.regions, pasted & case.others, case.amodal & case.others)
    rows = rows_from_truth(hidden_shares(case.regions))
    return FrameScores(full, occluded, rows, rows)


def smoothed_ratio(regions: ClipRegionCounts, first: Region, second: Region) -> Values:
    """Returns (both + 1e-6) / (either + 1e-6) of each frame: 1 where both regions are empty."""
    both, either = overlap(regions, first, second)
    return (both + SMOOTH) / (either + SMOOTH)


def rows_from_truth(shares: Values) -> Flags:
    """Returns which frames of a track are rows when no list of them is given.

    Those with 0.1 < hidden share < 0.7, without the first and the last frame of the track.

    Args:
        shares: Hidden share 1 - |V| / |A| of the frames of the whole track, ``(T,)``; NaN where
            A is empty.
    """
    rows = (shares > HIDDEN_RANGE[0]) & (shares < HIDDEN_RANGE[1])
    rows[:1] = rows[-1:] = False
    return rows


def row_name(video: Any, annotation: Any, frame: Any) -> RowName:
    """Returns the name of a row; ``'00012'``, ``'12'`` and 12 are the same video."""
    return _plain_name(video), _plain_name(annotation), int(frame)


def read_rows(path: str | os.PathLike) -> frozenset[RowName]:
    """Reads which rows are scored from a list such as ``test_subtest.csv``.

    Args:
        path: CSV with a header and at least the columns ``v_id``, ``obj_id``, ``frame_id``,
            ``OCC_R``, ``test``. Lines with 0.1 < OCC_R < 0.7 and ``test`` = 1 are taken.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A column is missing, a value is no number, a row is listed twice, or no line
            is taken; file and line are named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'The list of rows {str(path)!r} does not exist.')
    rows: set[RowName] = set()
    with path.open(newline='', encoding='utf-8') as file:
        lines = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (lines.fieldnames or ())]
        if missing:
            raise ValueError(
                f'{path} has no column {", ".join(missing)}; a list of rows needs '
                f'{", ".join(COLUMNS)}.'
            )
        for line in lines:
            name = _read_line(line, f'{path}:{lines.line_num}')
            if name in rows:
                raise ValueError(f'{path}:{lines.line_num} lists {name} a second time; drop it.')
            rows.update([name] if name else [])
    if not rows:
        raise ValueError(f'{path} has no line with {HIDDEN_RANGE} around OCC_R and test = 1.')
    return frozenset(rows)


def _read_line(line: dict[str, str], where: str) -> RowName | None:
    """Returns the name of the row, or None when it is not scored."""
    try:
        share, test = float(line['OCC_R'] or 'nan'), float(line['test'] or 0)
        name = row_name(line['v_id'], line['obj_id'], float(line['frame_id']))
    except (TypeError, ValueError):
        raise ValueError(
            f'{where}: expected numbers in frame_id, OCC_R and test, got {line}; correct the line.'
        ) from None
    return name if HIDDEN_RANGE[0] < share < HIDDEN_RANGE[1] and test == 1 else None


def _plain_name(value: Any) -> str:
    text = str(value).strip()
    return str(int(text)) if text.isdecimal() else text


SAVOS = ClipProtocol(score_savos, paste_visible, 'video frames', forms=('post',))
