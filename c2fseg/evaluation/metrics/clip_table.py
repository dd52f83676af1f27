"""From the scores of single frames to means over tracks and frames, and to the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from c2fseg.evaluation.functional import (
    FrameScores,
    mean_by_video_frame,
    mean_over_tracks,
    pooled_means,
    track_means,
)
from c2fseg.evaluation.functional.frame_scores import Flags, Values
from c2fseg.evaluation.metrics.score_table import Column, Row, percent_range

Means = tuple[float, float, int, int]
"""(mean full, mean occluded, how many went into the first, into the second)."""

ClipColumn = tuple[str, str, str]
"""(protocol, stage, form)."""

FRAMES = 'frames'  # the group of keys whose numbers belong to no published protocol
NOTHING = float('nan')
IOU = ('mIoU_full', 'mIoU_occ')


@dataclass
class ClipResult:
    """What the metric keeps of one object in its n frames that are not padding: no masks.

    Attributes:
        sample_id: Unique name of the object.
        track: (video, object) as text.
        frames: Numbers of the frames in the video, ``(n,)``.
        scores: Scores by protocol, stage and form.
        strict: Scores of the strict form by stage and form; they are there for every frame.
        shares: Hidden share of each frame, ``(n,)``; NaN where A is empty.
        hidden: Whether V is empty and A is not, ``(n,)``.
        stability: Stability of each pair of frames, of the raw masks by stage.
        truth_stability: The same of the true masks.
        sees_others: Whether another object is visible in any frame.
        entries: Its entries of the prediction file; empty when none is written.
    """

    sample_id: str
    track: tuple[str, str]
    frames: list[int]
    scores: dict[ClipColumn, FrameScores]
    strict: dict[Column, FrameScores]
    shares: Values
    hidden: Flags
    stability: dict[str, Values]
    truth_stability: Values
    sees_others: bool
    entries: list[dict] = field(default_factory=list)


@dataclass
class ClipRow:
    """A row of the table, and under which keys its numbers are returned.

    Attributes:
        row: Title, numbers and means.
        group: What the keys start with: a protocol or ``'frames'``.
        part: Stands before the names of the means, e.g. ``'pooled/'``.
        names: Names of the two means; ``None`` for one that is not returned.
        numbers: Names of the two numbers; ``None`` for one that is not returned.
    """

    row: Row
    group: str
    part: str = ''
    names: tuple[str | None, str | None] = IOU
    numbers: tuple[str | None, str | None] = (None, None)


def protocol_rows(
    results: Sequence[ClipResult], protocol: str, columns: Sequence[Column]
) -> list[ClipRow]:
    """Returns the means over tracks (the protocol's own numbers), and over the pooled frames."""
    by_track, by_frame = {}, {}
    for column in columns:
        scores = [result.scores[protocol, column[0], column[1]] for result in results]
        by_track[column] = mean_over_tracks(track_means(score) for score in scores)
        by_frame[column] = pooled_means(scores)
    return [
        ClipRow(_row(f'{protocol}: tracks', by_track), protocol, numbers=('tracks', 'tracks_occ')),
        ClipRow(
            _row(f'{protocol}: pooled frames', by_frame),
            protocol,
            'pooled/',
            numbers=('frames', 'frames_occ'),
        ),
    ]


def savos_rows(results: Sequence[ClipResult], columns: Sequence[Column]) -> list[ClipRow]:
    """Returns the two means of ``savos``: over objects and then frames, and over all rows."""
    by_frame: dict[Column, Means] = {}
    by_row: dict[Column, Means] = {}
    places = [
        (result.track[0], frame)
        for result in results
        for frame, counts in zip(result.frames, _savos_scores(result, columns[0]).counts_full)
        if counts
    ]
    frames = len(set(places))
    for column in columns:
        scores = [_savos_scores(result, column) for result in results]
        full, occluded, rows, _ = pooled_means(scores)
        by_row[column] = full, occluded, rows, rows
        full = mean_by_video_frame(places, np.concatenate([s.full[s.counts_full] for s in scores]))
        values = np.concatenate([s.occluded[s.counts_full] for s in scores])
        by_frame[column] = full, mean_by_video_frame(places, values), frames, frames
    return [
        ClipRow(_row('savos: frames', by_frame), 'savos', numbers=('frames', None)),
        ClipRow(_row('savos: rows', by_row), 'savos', 'rows/', numbers=('rows', None)),
    ]


def frame_rows(
    results: Sequence[ClipResult],
    buckets: Sequence[tuple[float, float]],
    columns: Sequence[Column],
) -> list[ClipRow]:
    """Returns the rows that belong to no protocol; IoU as in the strict form, frames pooled.

    By hidden share of the frame, and the frames in which the object is fully hidden.

    Args:
        results: One for each object.
        buckets: Ranges of the hidden share, [low, high) each, in ascending order.
        columns: Stages and forms.
    """
    ranges = list(buckets)
    if len(buckets) > 1:
        ranges.insert(0, (buckets[0][0], buckets[-1][1]))
    rows = []
    for low, high in ranges:
        text = percent_range(low, high)
        means = _pool(results, columns, lambda r: (r.shares >= low) & (r.shares < high))  # noqa: B023
        row = _row(f'frames hidden {text} %', means, f'_hidden_{text}')
        rows.append(ClipRow(row, FRAMES, numbers=('frames', None)))
    means = _pool(results, columns, lambda r: r.hidden)
    rows.append(
        ClipRow(
            _row('frames fully hidden', {c: (m[0], NOTHING, m[2], 0) for c, m in means.items()}),
            FRAMES,
            'hidden_frames/',
            ('mIoU_full', None),
            ('hidden_frames', None),
        )
    )
    return rows


def flatten_clips(rows: Sequence[ClipRow], source: str) -> dict[str, float]:
    """Returns ``'<group>/<source>/<stage>/<form>/<part><name><key>'`` -> mean in [0, 1].

    The numbers read ``'<group>/<source>/<number><key>'``. A subset of nothing has its number, 0,
    and no means; a protocol without a counted frame has NaN.
    """
    values: dict[str, float] = {}
    for item in rows:
        row, start = item.row, f'{item.group}/{source}'
        for column, means in row.means.items():
            for name, mean in zip(item.names, means):
                if name is not None:
                    values[f'{start}/{"/".join(column)}/{item.part}{name}{row.key}'] = mean
        for name, number in zip(item.numbers, (row.objects, row.counted)):
            if name is not None:
                values[f'{start}/{name}{row.key}'] = number
    return values


def stability_rows(results: Sequence[ClipResult]) -> list[ClipRow]:
    """Returns the stability of the raw masks and, beside it, that of the truth; pairs pooled."""
    truth = np.concatenate([result.truth_stability for result in results])
    own: dict[Column, Means] = {}
    for stage in results[0].stability:
        values = np.concatenate([result.stability[stage] for result in results])
        if len(values):
            own[stage, 'raw'] = float(values.mean()), NOTHING, len(values), 0
    ceiling = {column: (float(truth.mean()), *means[1:]) for column, means in own.items()}
    return [
        ClipRow(_row('stability', own), FRAMES, '', ('stability', None), ('stability_pairs', None)),
        ClipRow(_row('stability of the truth', ceiling), FRAMES, '', ('truth_stability', None)),
    ]


def _pool(
    results: Sequence[ClipResult],
    columns: Sequence[Column],
    chosen: Callable[[ClipResult], Flags],
) -> dict[Column, Means]:
    """Pools the strict scores of the chosen frames; nothing is returned of no frames."""
    means = {}
    for column in columns:
        scores = []
        for result in results:
            score, flags = result.strict[column], chosen(result)
            scores.append(FrameScores(score.full, score.occluded, flags, flags))
        means[column] = pooled_means(scores)
    return {column: mean for column, mean in means.items() if mean[2]}


def _row(title: str, means: dict[Column, Means], key: str = '') -> Row:
    """Makes a row of (full, occluded, number, number with an occluded score) by column."""
    _, _, number, counted = next(iter(means.values()), (0.0, 0.0, 0, 0))
    return Row(title, key, number, counted, {c: (m[0], m[1]) for c, m in means.items()})


def _savos_scores(result: ClipResult, column: Column) -> FrameScores:
    return result.scores['savos', column[0], column[1]]
