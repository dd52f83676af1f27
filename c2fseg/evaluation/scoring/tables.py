"""The numbers as text, as JSON and as a CSV with a line for each object."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from c2fseg.evaluation.scoring.detection_scores import DetectionTable
from c2fseg.evaluation.scoring.joining import Joined
from c2fseg.evaluation.scoring.object_scores import PREDICTION, ProtocolScores, Scoring
from c2fseg.evaluation.scoring.summary import Estimate, SummaryRow
from c2fseg.evaluation.scoring.truth import Truth

OCCLUDED_KEY = 'mIoU_occ'
METHOD_TITLES = {'visible': 'visible mask', 'convex_hull': 'convex hull'}


def format_scores(
    scores: ProtocolScores, rows: Sequence[SummaryRow], heading: Sequence[str]
) -> str:
    """Returns a table in percent: a line for each subset and method, intervals in brackets.

    Args:
        scores: The protocol.
        rows: Its means.
        heading: Lines above the table.
    """
    columns = scores.columns
    shown = [column for column in columns if column.method == PREDICTION]
    methods = list(dict.fromkeys(column.method for column in columns))
    head = ['', 'objects', 'occluded', *(f'{column.form} {column.title}' for column in shown)]
    body = []
    for row in rows:
        for method in methods:
            mine = [column._replace(method=method) for column in shown]
            estimates = [row.estimates[column] for column in mine]
            counted = next(
                (row.estimates[c].counted for c in mine if c.key == OCCLUDED_KEY), math.nan
            )
            numbers = [str(len(row.subset.chosen)), '-' if math.isnan(counted) else f'{counted:g}']
            title = row.subset.title if method == PREDICTION else f'  {METHOD_TITLES[method]}'
            body.append(
                [
                    title,
                    *(numbers if method == PREDICTION else ('', '')),
                    *(_percent(estimate) for estimate in estimates),
                ]
            )
    return _layout([f'protocol {scores.protocol} | IoU in % at image size', *heading], head, body)


def format_detections(table: DetectionTable, heading: Sequence[str]) -> str:
    """Returns a table of AP or AR in percent.

    Args:
        table: The numbers.
        heading: Lines above the table.
    """
    first = next(iter(table.rows.values()))
    head = ['', 'objects', 'detections', *first]
    body = []
    for name, values in table.rows.items():
        numbers = [str(table.objects[name]), str(table.detections[name])]
        body.append([name, *numbers, *(_number(values[key]) for key in first)])
    for category, values in table.by_category.get('amodal', {}).items():
        cells = [_number(values[key]) if key in values else '' for key in first]
        body.append([f'  amodal, {category}', '', '', *cells])
    lines = [f'protocol {table.protocol} | in %', *heading, *table.notes]
    return _layout(lines, head, body)


def _percent(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return '-'
    if math.isnan(estimate.low):
        return f'{100 * estimate.value:.2f}'
    ends = f'[{100 * estimate.low:.2f}, {100 * estimate.high:.2f}]'
    return f'{100 * estimate.value:.2f} {ends}'


def _number(value: float) -> str:
    return '-' if math.isnan(value) else f'{100 * value:.2f}'


def _layout(heading: Sequence[str], head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[place]) for line in [head, *body]) for place in range(len(head))]
    lines = [
        '  '.join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in [head, *body]
    ]
    rule = '-' * max(map(len, lines))
    return '\n'.join([*heading, rule, lines[0], rule, *lines[1:], rule])


def scores_as_json(scores: ProtocolScores, rows: Sequence[SummaryRow]) -> dict[str, Any]:
    """Returns the means of a protocol for JSON: subset -> method -> form -> key -> numbers.

    Numbers that do not exist are ``None``: JSON has no NaN.
    """
    result: dict[str, Any] = {}
    for row in rows:
        entry: dict[str, Any] = {'title': row.subset.title, 'objects': len(row.subset.chosen)}
        for column, estimate in row.estimates.items():
            forms = entry.setdefault(column.method, {}).setdefault(column.form, {})
            forms[column.key] = {key: _plain(one) for key, one in estimate._asdict().items()}
        result[row.subset.key] = entry
    return result


def detections_as_json(table: DetectionTable) -> dict[str, Any]:
    """Returns the numbers of a mode for JSON; those that do not exist are ``None``."""
    return {
        'rows': {name: _plain_values(values) for name, values in table.rows.items()},
        'objects': table.objects,
        'detections': table.detections,
        'by_category': {
            mask: {name: _plain_values(values) for name, values in found.items()}
            for mask, found in table.by_category.items()
        },
        'notes': table.notes,
    }


def _plain_values(values: dict[str, float]) -> dict[str, float | None]:
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def objects_as_csv(truth: Truth, joined: Joined, scoring: Scoring) -> str:
    """Returns a line for each scored object: who it is, its prediction, its own values.

    A value is what the object adds above its fraction divided by what it adds below, so the IoU,
    and empty where the object does not count.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    names = [
        f'{scores.protocol}/{column.method}/{column.form}/{column.key}'
        for scores in scoring.protocols
        for column in scores.columns
    ]
    keys = ['image_id', 'annotation_id', 'category', 'hidden_share', 'entry', 'joined_by', 'iou']
    writer.writerow([*keys, *names])
    values = [own_values(scores, scoring) for scores in scoring.protocols]
    for number, place in enumerate(scoring.scored.tolist()):
        item, found = truth.objects[place], joined.objects[place]
        entry = min((one.number for one in found.values()), default='')
        iou = joined.ious[place]
        line = [item.image_id, item.annotation_id, item.category]
        line += [f'{scoring.hidden[place]:.6f}', entry, joined.rules[place] or 'missing']
        line.append('' if math.isnan(iou) else f'{iou:.6f}')
        cells = [one for table in values for one in table[number].tolist()]
        writer.writerow([*line, *('' if math.isnan(one) else f'{one:.6f}' for one in cells)])
    return text.getvalue()


def own_values(scores: ProtocolScores, scoring: Scoring) -> np.ndarray:
    """Returns what each scored object has by itself, ``(n, columns)``; NaN where it counts not."""
    terms = scores.terms(scoring.scored)
    values = np.full(terms.shape[:2], np.nan)
    return np.divide(terms[..., 0], terms[..., 1], out=values, where=terms[..., 1] > 0)
