"""Draw losses and metrics of trainings from the scalars that they logged.

    python tools/analysis_tools/plot_curves.py work_dirs/c2f_shapes --out curves.png
    python tools/analysis_tools/plot_curves.py RUN_A RUN_B --keys loss 'c2f-image/*' --smooth 20

A run is a work directory (all its ``vis_data/scalars.json``, resumed parts joined) or one such
file. Every key gets a diagram, every run a line in it.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import sys
from pathlib import Path

import numpy as np

SCALARS = '**/vis_data/scalars.json'
# Logged beside losses and metrics; drawn when asked for.
NOT_DRAWN = ('step', 'iter', 'epoch', 'time', 'data_time', 'memory')

Curve = dict[int, float]


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', help='work directories or scalars.json files')
    parser.add_argument('--out', default='curves.png', help='picture to write (.png, .pdf, .svg)')
    parser.add_argument('--keys', nargs='+', help='names or patterns (default: losses and metrics)')
    parser.add_argument('--names', nargs='+', help='a name for each run (default: its folder)')
    parser.add_argument('--smooth', type=int, default=1, help='mean over this many values')
    parser.add_argument('--list', action='store_true', help='print the keys and stop')
    args = parser.parse_args(arguments)
    if args.names is not None and len(args.names) != len(args.runs):
        parser.error(f'{len(args.names)} names for {len(args.runs)} runs')
    if args.smooth < 1:
        parser.error(f'--smooth must be at least 1, got {args.smooth}')
    return args


def read_run(run: str) -> dict[str, Curve]:
    """Read the scalars of a run.

    Args:
        run: Work directory or scalars file.

    Returns:
        For each key its values by step; where a step was logged twice (a resumed training), the
        later file counts.

    Raises:
        FileNotFoundError: There are no scalars.
        ValueError: A line is not JSON; the last line of a file may be cut off by a killed run.
    """
    path = Path(run)
    files = [path] if path.is_file() else sorted(path.glob(SCALARS))
    if not files:
        raise FileNotFoundError(f'{run}: no {SCALARS} in it; give the work directory of a training')
    curves: dict[str, Curve] = {}
    for file in files:
        lines = file.read_text(encoding='utf-8').splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                values = json.loads(line)
            except ValueError as error:
                if number == len(lines):
                    continue
                raise ValueError(f'{file}, line {number} is not JSON: {error}') from error
            for key, value in values.items():
                if isinstance(value, (int, float)) and math.isfinite(value) and 'step' in values:
                    curves.setdefault(key, {})[int(values['step'])] = float(value)
    return curves


def choose_keys(runs: list[dict[str, Curve]], patterns: list[str] | None) -> list[str]:
    """The keys to draw, in the order of the first run that has them.

    Args:
        runs: Curves of each run.
        patterns: Names or shell patterns; None draws all but bookkeeping.

    Returns:
        Keys.

    Raises:
        KeyError: A pattern fits no key.
    """
    known = list(dict.fromkeys(key for run in runs for key in run))
    if patterns is None:
        return [key for key in known if key.split('/')[-1] not in NOT_DRAWN]
    chosen: list[str] = []
    for pattern in patterns:
        fitting = [key for key in known if fnmatch.fnmatchcase(key, pattern)]
        if not fitting:
            raise KeyError(f'No key fits {pattern!r}; there are {", ".join(known)}')
        chosen.extend(key for key in fitting if key not in chosen)
    return chosen


def smooth(values: np.ndarray, window: int) -> np.ndarray:
    """Running mean over the last ``window`` values, over fewer at the beginning."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - window, 0)
    return (sums[end] - sums[start]) / (end - start)


def plot(
    runs: dict[str, dict[str, Curve]], keys: list[str], out: str, smooth_window: int = 1
) -> None:
    """Draw the curves into a file.

    Args:
        runs: Curves by name of the run.
        keys: What to draw, a diagram each.
        out: Picture to write.
        smooth_window: Running mean over this many values.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('Curves need matplotlib: `pip install matplotlib`') from error
    columns = min(3, len(keys))
    rows = math.ceil(len(keys) / columns)
    figure = Figure(figsize=(5 * columns, 3.2 * rows), layout='constrained')
    for place, key in enumerate(keys):
        axes = figure.add_subplot(rows, columns, place + 1)
        for color, (name, curves) in enumerate(runs.items()):
            if key not in curves:
                continue
            steps = np.array(sorted(curves[key]))
            values = np.array([curves[key][step] for step in steps])
            marker = 'o' if len(steps) < 30 else None
            line = smooth(values, smooth_window)
            axes.plot(steps, line, label=name, color=f'C{color}', marker=marker, markersize=3)
        axes.set_title(key, fontsize=10)
        axes.grid(alpha=0.3)
        if place >= len(keys) - columns:
            axes.set_xlabel('iteration')
        if len(runs) > 1:
            axes.legend(fontsize=8)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)


def main(arguments: list[str] | None = None) -> int:
    """Draw the curves; returns the exit code."""
    args = parse_args(arguments)
    names = args.names or [Path(run).name for run in args.runs]
    if len(set(names)) < len(names):
        names = args.names or list(args.runs)
    try:
        curves = [read_run(run) for run in args.runs]
        keys = choose_keys(curves, args.keys)
        if args.list or not keys:
            print('\n'.join(keys) or 'No losses or metrics were logged yet')
            return 0 if args.list else 1
        plot(dict(zip(names, curves)), keys, args.out, args.smooth)
    except (FileNotFoundError, ImportError, KeyError, ValueError) as error:
        print(f'plot_curves: {error.args[0]}', file=sys.stderr)
        return 1
    print(f'{len(keys)} curves of {len(names)} runs: {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
