"""Writes the built-in data set "moving shapes" to disk, in the layout of MOViD-A.

The data set that the video configs read::

    python tools/dataset_converters/make_clips.py

A few clips to look at, in which some object vanishes behind another and comes back::

    python tools/dataset_converters/make_clips.py --samples 2 --out outputs/clips

The same seed gives the same bytes, whatever the number of workers.
"""

from __future__ import annotations

import argparse
import sys

from c2fseg.datasets.synthetic import (
    CLIP_COUNTS,
    CLIP_FRAMES,
    generate_clip_samples,
    generate_clips,
)


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', default='data/shapes_video', help='output folder (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='whole number >= 0 (%(default)s)')
    for split, count in CLIP_COUNTS.items():
        help_text = f'{split} clips (%(default)s); 0 leaves the split alone'
        parser.add_argument(f'--{split}', type=int, default=count, metavar='N', help=help_text)
    parser.add_argument(
        '--frames', type=int, default=CLIP_FRAMES, metavar='T', help='of a clip (%(default)s)'
    )
    parser.add_argument('--workers', type=int, default=2, help='processes (%(default)s)')
    parser.add_argument(
        '--samples',
        type=int,
        metavar='N',
        help='instead of the splits, write N sample clips with a full occlusion into OUT',
    )
    return parser.parse_args()


def main() -> None:
    """Writes as the command line says."""
    args = parse_args()
    try:
        if args.samples is not None:
            for folder in generate_clip_samples(args.out, args.samples, args.seed, args.frames):
                print(folder)
            return
        counts = {split: getattr(args, split) for split in CLIP_COUNTS}
        written = generate_clips(args.out, counts, args.seed, args.workers, args.frames)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f'make_clips: {error}')
    for path in written.values():
        print(path)


if __name__ == '__main__':
    main()
