"""Rows of ``benchmark_gpu.py`` as text."""

from __future__ import annotations

from typing import Any

_TITLES = {
    ('image', 'predict'): 'Objects completed a second',
    ('image', 'train'): 'Objects learned from a second, mixed precision',
    ('video', 'predict'): 'Clips completed a second',
}
_COLUMNS = (
    'config',
    'frames',
    'dtype',
    'mode',
    'batch',
    'a second',
    '(lowest..highest)',
    'GFLOP each',
    'of the peak',
    'peak memory',
)


def format_row(row: dict[str, Any]) -> str:
    """Returns one row for the terminal."""
    clip = f', {row["frames"]} frames' if row['kind'] == 'video' else ''
    where = f'{row["config"]}{clip}, {row["dtype"]}, {row["mode"]}'
    text = f'{row["task"]:<8}{where:<62} batch {row["batch_size"]:>4}  '
    if row['status'] != 'measured':
        return text + row['status']
    return text + (
        f'{row["objects_per_second"]:>9.1f}/s {row["fraction_of_peak"]:>6.1%} of the peak '
        f'{_megabytes(row):>11}, warm-up {row["warm_up_seconds"]:.1f} s'
    )


def format_page(page: dict[str, Any]) -> str:
    """Returns all rows as a page in Markdown.

    Args:
        page: ``environment``, ``cfg_options``, ``minutes`` and ``rows``.
    """
    where = ', '.join(f'{key} {value}' for key, value in page['environment'].items())
    changed = ', '.join(f'{key}={value}' for key, value in page['cfg_options'].items())
    options = f' Options of all models: {changed}.' if changed else ''
    peaks: dict[str, float] = {}
    for row in page['rows']:
        if row['status'] == 'measured':
            best = max(peaks.get(row['dtype'], 0.0), row['peak_gflop_per_second'])
            peaks[row['dtype']] = best
    lines = [
        '# Throughput',
        '',
        f'{where}. {page["minutes"]:.1f} minutes.{options}',
        '',
        'Matrix products at best: '
        + (', '.join(f'{dtype} {peak:,.0f} GFLOP/s' for dtype, peak in peaks.items()) or '-')
        + '. A row is judged by the products that were measured just before it, its '
        '`peak_gflop_per_second` in the JSON file: clocks of a GPU go up and down.',
    ]
    for (kind, task), title in _TITLES.items():
        rows = [row for row in page['rows'] if (row['kind'], row['task']) == (kind, task)]
        if rows:
            lines += ['', f'## {title}', '', _line(_COLUMNS), _line(['---'] * len(_COLUMNS))]
            lines += [_line(_cells(row)) for row in rows]
    return '\n'.join(lines) + '\n'


def _cells(row: dict[str, Any]) -> list[str]:
    start = [row['config'], row['frames'], row['dtype'], row['mode'], row['batch_size']]
    cells = [str(value) for value in start]
    if row['status'] != 'measured':
        return [*cells, row['status'], '', '', '', '']
    low, high = row['lowest_objects_per_second'], row['highest_objects_per_second']
    return [
        *cells,
        f'{row["objects_per_second"]:.1f}',
        f'{low:.1f}..{high:.1f}',
        f'{row["gflop_per_object"]:.2f}',
        f'{row["fraction_of_peak"]:.1%}',
        _megabytes(row),
    ]


def _megabytes(row: dict[str, Any]) -> str:
    memory = row['peak_memory_mb']
    return '-' if memory is None else f'{memory:,.0f} MB'


def _line(cells: Any) -> str:
    return f'| {" | ".join(cells)} |'
