"""From the scores of single frames to means over tracks and frames, and to the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from c2fseg.evaluation.functional import (
    FrameScores,
    Means,
    clip_means,
    get_clip_protocol,
    pooled_means,
)
from c2fseg.evaluation.functional.frame_scores import Flags, Values
from c2fseg.evaluation.metrics.score_table import Column, ProtocolColumn, Row, percent_range

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
    scores: dict[ProtocolColumn, FrameScores]
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
        counts: The two numbers by column, where they depend on the prediction.
    """

    row: Row
    group: str
    part: str = ''
    names: tuple[str | None, str | None] = IOU
    numbers: tuple[str | None, str | None] = (None, None)
    counts: dict[Column, tuple[int, int]] = field(default_factory=dict)


class _Line(NamedTuple):
    """How a mean of a protocol is called in the table, in the keys, and what it counts."""

    title: str
    part: str
    unit: str


LINES = {
    'tracks': (_Line('tracks', '', 'tracks'), _Line('pooled frames', 'pooled/', 'frames')),
    'frames': (_Line('pooled frames', '', 'frames'),),
    'video frames': (_Line('frames', '', 'frames'), _Line('rows', 'rows/', 'rows')),
}
"""The rows of a protocol by how it averages: its own mean first, then all counted frames."""


def protocol_rows(results: Sequence[ClipResult], name: str, pasted: bool) -> list[ClipRow]:
    """Returns the protocol's own means and, where these are others, those over its frames.

    Args:
        results: One for each object.
        name: Name of the protocol.
        pasted: Whether post-processed numbers are shown beside raw ones.
    """
    protocol = get_clip_protocol(name)
    own: dict[Column, Means] = {}
    pooled: dict[Column, Means] = {}
    places = [[(result.track[0], frame) for frame in result.frames] for result in results]
    for _, stage, form in (key for key in results[0].scores if key[0] == name):
        if form == 'post' and not (pasted or protocol.always_post):
            continue
        scores = [result.scores[name, stage, form] for result in results]
        own[stage, form] = clip_means(name, scores, places)
        pooled[stage, form] = pooled_means(scores)
    rows = []
    for line, means in zip(LINES[protocol.averaging], (own, pooled)):
        row = _row(f'{name}: {line.title}', means)
        counts = {column: mean[2:] for column, mean in means.items()}
        rows.append(
            ClipRow(
                row,
                name,
                line.part,
                numbers=(line.unit, f'{line.unit}_occ'),
                counts=counts if protocol.prediction_decides else {},
            )
        )
    return rows


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

    The numbers read ``'<group>/<source>/<number><key>'``; where the prediction decides what
    counts, ``'<group>/<source>/<stage>/<form>/<number><key>'``. A subset of nothing has its
    number, 0, and no means; a protocol without a counted frame has NaN.
    """
    values: dict[str, float] = {}
    for item in rows:
        row, start = item.row, f'{item.group}/{source}'
        for column, means in row.means.items():
            for name, mean in zip(item.names, means):
                if name is not None:
                    values[f'{start}/{"/".join(column)}/{item.part}{name}{row.key}'] = mean
        counts = {f'{start}/{"/".join(column)}': pair for column, pair in item.counts.items()}
        for place, pair in (counts or {start: (row.objects, row.counted)}).items():
            for name, number in zip(item.numbers, pair):
                if name is not None:
                    values[f'{place}/{name}{row.key}'] = number
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
