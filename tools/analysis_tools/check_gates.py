"""Compares tests of the converted published weights with the published numbers.

    python tools/analysis_tools/check_gates.py kins work_dirs/gate_kins/seed0 \
        work_dirs/gate_kins/seed1 work_dirs/gate_kins/seed2

Each folder is the ``--work-dir`` of one ``tools/test.py``, each with another
``model.test_cfg.seed``: tokens are drawn, so one run is one draw. The mean over the folders is
compared; the exit status is 1 where it lies outside the tolerance, or objects were counted
otherwise. ``docs/published_weights.md`` has the commands and the sources of the numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from c2fseg.utils.launch import UserError, one_sentence_errors

MEASURES = ('full', 'occ')
# What mIoU may differ by, in points (full, occluded).
TOLERANCE = (0.1, 0.2)
# The published test ran on eight processes, whose sampler repeats up to seven objects to make them
# even; here an object counts once.
MOST_REPEATS = 7


class Gate(NamedTuple):
    """What the published weights of a data set have to score.

    Attributes:
        protocol: The protocol of the numbers.
        scores: mIoU (full, occluded) in percent, by form.
        counts: Ending of a key of the results to the published number.
    """

    protocol: str
    scores: dict[str, tuple[float, float]]
    counts: dict[str, int]


GATES = {
    'kins': Gate(
        'c2f-image',
        {'raw': (82.06, 55.10), 'post': (82.22, 53.60)},
        {'objects': 65864, 'occluded_objects': 29517},
    ),
    'cocoa': Gate(
        'c2f-image',
        {'raw': (80.23, 29.48), 'post': (80.26, 27.54)},
        {'objects': 3255, 'occluded_objects': 1507},
    ),
    'movid_a': Gate('c2f-video', {'post': (71.67, 36.13)}, {}),
}


def read_results(folder: str) -> dict[str, Any]:
    """The numbers that the newest test in a work directory has written.

    Args:
        folder: The ``--work-dir`` of ``tools/test.py``.

    Raises:
        UserError: There are none, or the file is no JSON object.
    """
    files = [path for path in Path(folder).glob('*/*.json') if path.stem == path.parent.name]
    if not files:
        raise UserError(
            f'{folder} holds no results of a test (DIR/TIME/TIME.json): give the --work-dir of a '
            'finished tools/test.py.'
        )
    newest = max(files, key=lambda path: path.stat().st_mtime)
    try:
        results = json.loads(newest.read_text(encoding='utf-8'))
    except ValueError as error:
        raise UserError(f'{newest} is no JSON file ({error}): run the test again.') from error
    if not isinstance(results, dict):
        raise UserError(f'{newest} holds no JSON object: run the test again.')
    return results


def find_number(results: dict[str, Any], protocol: str, ending: str, folder: str) -> float:
    """One number of a test.

    Args:
        results: What :func:`read_results` returned.
        protocol: The protocol.
        ending: What the key ends with, behind the source of the visible masks.
        folder: For the message.

    Raises:
        UserError: There is no such number, or there are several, or it is none.
    """
    keys = [key for key in results if fnmatchcase(key, f'{protocol}/*/{ending}')]
    keys = [key for key in keys if key.count('/') == ending.count('/') + 2]
    if len(keys) != 1 or not isinstance(results[keys[0]], int | float):
        raise UserError(
            f'{folder}: expected one number {protocol}/SOURCE/{ending} in its results, found '
            f'{len(keys)}: was it tested with the config of this data set?'
        )
    return results[keys[0]]


def compare(gate: Gate, runs: dict[str, dict[str, Any]]) -> tuple[list[str], bool]:
    """Compares runs with a gate.

    Args:
        gate: The published numbers.
        runs: Folder to results.

    Returns:
        Lines of a table, and whether everything is as published.
    """
    lines = [f'{"":<18}{"published":>11}{"here":>9}{"std":>7}{"difference":>12}']
    passed = True
    for ending, number in gate.counts.items():
        found = {find_number(run, gate.protocol, ending, name) for name, run in runs.items()}
        good = all(0 <= number - value <= MOST_REPEATS for value in found)
        passed &= good
        here = ', '.join(f'{value:g}' for value in sorted(found))
        lines.append(f'{ending:<18}{number:>11}{here:>9}{"":>19}  {verdict(good)}')
    for form, published in gate.scores.items():
        for measure, target, tolerance in zip(MEASURES, published, TOLERANCE):
            key = f'refined/{form}/mIoU_{measure}'
            values = [100 * find_number(run, gate.protocol, key, n) for n, run in runs.items()]
            mean = statistics.fmean(values)
            spread = f'{statistics.stdev(values):.2f}' if len(values) > 1 else '-'
            # Published numbers have two decimals; + 0.0 turns -0.0 into 0.0.
            difference = round(round(mean, 2) - target, 2) + 0.0
            good = abs(difference) <= tolerance
            passed &= good
            label = f'{measure}, {form}'
            lines.append(
                f'{label:<18}{target:>11.2f}{mean:>9.2f}{spread:>7}{difference:>+12.2f}  '
                f'{verdict(good)}'
            )
    return lines, passed


def verdict(good: bool) -> str:
    """What the table says behind a line."""
    return 'as published' if good else 'DIFFERS'


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Compare tests with the published numbers.')
    parser.add_argument('dataset', choices=sorted(GATES), help='whose weights were tested')
    parser.add_argument(
        'folders', nargs='+', metavar='DIR', help='--work-dir of a test, a seed each'
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compares as the command line says."""
    args = parse_args(arguments)
    with one_sentence_errors():
        if len(set(args.folders)) != len(args.folders):
            raise UserError('A folder is given twice: give one folder for each seed.')
        runs = {folder: read_results(folder) for folder in args.folders}
        lines, passed = compare(GATES[args.dataset], runs)
    print('\n'.join(lines))
    tolerance = ' / '.join(map(str, TOLERANCE))
    print(f'mean of {len(runs)} runs; tolerance {tolerance} points (full / occluded)')
    if len(runs) < 3:
        print('fewer than three seeds: tokens are drawn, report the mean of at least three')
    sys.exit(0 if passed else 1)


if __name__ == '__main__':
    main()
