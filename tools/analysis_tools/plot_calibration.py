"""Draw calibration curves: predicted probability of hidden pixels against how often it is right.

    python tools/analysis_tools/plot_calibration.py outputs/calibration.json --out calibration.png

The files are what AmodalCalibration writes (``out_file``). Below the curves stands how many pixels
each bin has.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

FORMATS = ('.png', '.pdf', '.svg')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('curves', nargs='+', help='JSON files of AmodalCalibration')
    parser.add_argument('--out', default='calibration.png', help='picture (.png, .pdf, .svg)')
    args = parser.parse_args(arguments)
    if Path(args.out).suffix not in FORMATS:
        parser.error(f'--out must end in one of {", ".join(FORMATS)}, got {args.out}')
    return args


def read_curves(paths: list[str]) -> dict[str, dict[str, Any]]:
    """Read the curves of all files; of several files each name begins with its file's.

    Args:
        paths: JSON files.

    Returns:
        Curves by name.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file holds no curves.
    """
    curves = {}
    for path in paths:
        try:
            found = json.loads(Path(path).read_text(encoding='utf-8'))
            for name, curve in found.items():
                title = name if len(paths) == 1 else f'{Path(path).stem} {name}'
                curves[title] = {'ece': curve['ece_contested'], 'bins': list(curve['bins'])}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{path} holds no calibration curves: give what AmodalCalibration wrote'
            ) from error
    return curves


def plot(curves: dict[str, dict[str, Any]], out: str) -> None:
    """Draw the curves into a file, whole or not at all.

    Args:
        curves: By name.
        out: Picture to write.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('Curves need matplotlib: `pip install matplotlib`') from error
    figure = Figure(figsize=(5, 5.6), layout='constrained')
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color='0.6', linestyle='--', label='predicted = found')
    for name, curve in curves.items():
        filled = [one for one in curve['bins'] if one['count']]
        error = '-' if curve['ece'] is None else f'{100 * curve["ece"]:.1f} %'
        axes.plot(
            [one['predicted'] for one in filled],
            [one['found'] for one in filled],
            marker='o',
            label=f'{name}, contested ECE {error}',
        )
        edges = [one['low'] for one in curve['bins']] + [curve['bins'][-1]['high']]
        below.stairs([one['count'] for one in curve['bins']], edges)
    axes.set(ylabel='share of pixels that belong to the object', xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    below.set(xlabel='predicted probability', ylabel='pixels', yscale='log')
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.stem}.{os.getpid()}{path.suffix}')
    try:
        figure.savefig(partial, dpi=100)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Draw the curves; returns the exit code."""
    args = parse_args(arguments)
    try:
        curves = read_curves(args.curves)
        plot(curves, args.out)
    except (ImportError, OSError, ValueError) as error:
        print(f'plot_calibration: {error}', file=sys.stderr)
        return 1
    print(f'{len(curves)} curves: {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
