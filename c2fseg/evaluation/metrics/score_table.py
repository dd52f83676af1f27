"""From the scores of single objects to means by subset, and to the table that is printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from c2fseg.evaluation.functional import ImageProtocol, Score, protocol_means

Column = tuple[str, str]
"""(stage, form): ``('refined' | 'coarse', 'raw' | 'post')``."""

ProtocolColumn = tuple[str, str, str]
"""(protocol, stage, form)."""


@dataclass
class ObjectResult:
    """What the metric keeps of one object.

    Attributes:
        sample_id: Unique name of the object.
        category: Name (or number) of its category.
        occlusion_rate: Hidden share 1 - |V| / |A|.
        scores: One score by protocol, stage and form.
        entries: Its entries of the prediction file; empty when none is written.
    """

    sample_id: str
    category: str
    occlusion_rate: float
    scores: dict[ProtocolColumn, Score]
    entries: list[dict] = field(default_factory=list)


class Row(NamedTuple):
    """Means over a subset of the objects.

    Attributes:
        title: What the table calls it.
        key: What the returned keys end with; empty for all objects.
        objects: Number of objects.
        counted: Number of occluded objects as the protocol counts them.
        means: The values of the measures, (mean full, mean occluded) for most protocols, per
            column; NaN over nothing.
    """

    title: str
    key: str
    objects: int
    counted: int
    means: dict[Column, tuple[float, ...]]


def percent_range(low: float, high: float) -> str:
    """Returns e.g. ``'5-30'`` for (0.05, 0.30)."""
    return f'{100 * low:g}-{100 * high:g}'


def in_range(rate: float, bounds: tuple[float, float]) -> bool:
    """Returns whether a hidden share lies in [low, high): neighbouring ranges share no object."""
    return bounds[0] <= rate < bounds[1]


def summarise(title: str, key: str, results: Sequence[ObjectResult], protocol: str) -> Row:
    """Averages the scores of the given objects under one protocol into one row."""
    columns = list(
        dict.fromkeys(c for result in results for c in result.scores if c[0] == protocol)
    )
    means: dict[Column, tuple[float, ...]] = {}
    counted = 0
    for column in columns:
        scores = [result.scores[column] for result in results]
        means[column[1], column[2]] = tuple(protocol_means(protocol, scores).values())
        counted = sum(score.counted for score in scores)
    return Row(title, key, len(results), counted, means)


def summarise_all(
    results: Sequence[ObjectResult],
    protocol: str,
    buckets: Sequence[tuple[float, float]],
    per_category: bool,
) -> list[Row]:
    """Returns the rows of the table: all, the hidden range as a whole, its buckets, categories.

    Args:
        results: One result for each object.
        protocol: Name of the protocol.
        buckets: Ranges of the hidden share, [low, high) each, in ascending order.
        per_category: Whether to add a row for each category.
    """
    rows = [summarise('all', '', results, protocol)]
    ranges = list(buckets)
    if len(buckets) > 1:
        ranges.insert(0, (buckets[0][0], buckets[-1][1]))
    for bounds in ranges:
        subset = [result for result in results if in_range(result.occlusion_rate, bounds)]
        text = percent_range(*bounds)
        rows.append(summarise(f'hidden {text} %', f'_hidden_{text}', subset, protocol))
    if per_category:
        for name in sorted({result.category for result in results}):
            subset = [result for result in results if result.category == name]
            rows.append(summarise(f'category {name}', f'_category_{name}', subset, protocol))
    return rows


def flatten(rows: Sequence[Row], protocol: ImageProtocol) -> dict[str, float]:
    """Returns the rows as ``'<stage>/<form>/<measure><key>'`` -> value in [0, 1].

    A subset without objects has its number of objects, 0, and no means.
    """
    values: dict[str, float] = {}
    for row in rows:
        for column, means in row.means.items():
            for measure, mean in zip(protocol.measures, means):
                values[f'{"/".join(column)}/{measure.key}{row.key}'] = mean
        values[f'objects{row.key}'] = row.objects
        if protocol.number_occluded:
            values[f'occluded_objects{row.key}'] = row.counted
    return values


def format_table(
    heading: Sequence[str],
    rows: Sequence[Row],
    numbers: Sequence[str] = ('objects', 'occluded'),
    measures: Sequence[str] = ('full', 'occ'),
) -> str:
    """Returns the rows as text, values in percent, a dash where there is nothing to average.

    Args:
        heading: Lines above the table: protocol, split, source of the visible masks.
        rows: At least one.
        numbers: What the columns of ``objects`` and ``counted`` are called; one name leaves the
            second column out.
        measures: What the values of a column are called.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row.means))
    head = ['', *numbers, *list(measures) * len(columns)]
    body = [_cells(row, columns, len(numbers), len(measures)) for row in rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    before, size = 1 + len(numbers), len(measures)
    above = ' ' * (sum(widths[:before]) + 2 * (before - 1))
    for number, column in enumerate(columns):
        name, first = ' '.join(column), before + size * number
        others = sum(widths[first + 1 : first + size]) + 2 * (size - 1)
        widths[first] = max(widths[first], len(name) - others)
        above += '  ' + name.rjust(widths[first] + others)
    lines = ['  '.join(_pad(line, widths)) for line in [head, *body]]
    rule = '-' * len(lines[0])
    return '\n'.join([*heading, rule, above, lines[0], rule, *lines[1:], rule])


def _cells(row: Row, columns: Sequence[Column], numbers: int, measures: int) -> list[str]:
    cells = [row.title, *[str(number) for number in (row.objects, row.counted)][:numbers]]
    for column in columns:
        for mean in row.means.get(column, (math.nan,) * measures):
            cells.append('-' if math.isnan(mean) else f'{100 * mean:.2f}')
    return cells


def _pad(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = (
        cell.ljust(width) if number == 0 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths))
    )
    return [first, *others]
