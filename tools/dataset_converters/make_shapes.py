"""Writes the built-in data set "occluded shapes" to disk, in the KINS 2020 format.

The data set that the ``*_shapes`` configs read::

    python tools/dataset_converters/make_shapes.py

The pictures shipped under demo/data::

    python tools/dataset_converters/make_shapes.py --samples 6 --out demo/data --seed 4

The same seed gives the same bytes, whatever the number of workers.
"""

from __future__ import annotations

import argparse
import sys

from c2fseg.datasets.synthetic import DEFAULT_COUNTS, generate_samples, generate_shapes


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', default='data/shapes', help='output folder (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='whole number >= 0 (%(default)s)')
    for split, count in DEFAULT_COUNTS.items():
        option = f'--{split.replace("_", "-")}'
        help_text = f'{split} images (%(default)s); 0 leaves the split alone'
        parser.add_argument(option, type=int, default=count, metavar='N', help=help_text)
    parser.add_argument('--workers', type=int, default=2, help='processes (%(default)s)')
    parser.add_argument(
        '--samples',
        type=int,
        metavar='N',
        help='instead of the splits, write N sample pictures with well occluded objects into OUT',
    )
    return parser.parse_args()


def main() -> None:
    """Writes as the command line says."""
    args = parse_args()
    try:
        if args.samples is not None:
            print(generate_samples(args.out, args.samples, args.seed))
            return
        counts = {split: getattr(args, split) for split in DEFAULT_COUNTS}
        written = generate_shapes(args.out, counts, args.seed, args.workers)
    except (ValueError, OSError) as error:
        sys.exit(f'make_shapes: {error}')
    for path in written.values():
        print(path)


if __name__ == '__main__':
    main()
