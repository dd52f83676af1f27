"""Turns a folder of labelme files into a data set that CocoAmodalDataset reads.

    python tools/dataset_converters/labelme_to_coco_amodal.py LABELS OUT.json
    python tools/dataset_converters/labelme_to_coco_amodal.py labels \\
        data/own/annotations/train.json --img-dir data/own/images \\
        --val data/own/annotations/val.json --val-ratio 0.2 --seed 0

How objects are drawn in labelme:

- ``mug/amodal``: the outline of the whole mug, its hidden part as you believe it to be;
- ``mug/visible``: what can be seen of it. Several visible shapes (a mug behind a pole) are united;
- the shapes of one object share a ``group_id``, a number that no other object of the picture has;
- an object with an amodal shape only is unoccluded, and then needs no ``group_id``.

Shapes may be polygons, rectangles, circles and masks. Pictures are looked for where ``imagePath``
says, seen from the labelme file, and in --img-dir. Sub-folders are read too.

All mistakes are listed with file and shape: a missing partner, an unknown label, too few points,
shapes outside the picture, visible pixels outside the amodal shape (more than 1 % of it), missing,
broken or differently sized pictures. Nothing is written then and the exit status is 2, unless
--skip-broken leaves those objects out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from c2fseg.datasets.conversion import (
    CocoAmodalWriter,
    LabelmeMistake,
    LabelmePicture,
    read_labelme_folder,
)
from c2fseg.utils.launch import UserError, one_sentence_errors


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='folder of labelme files (*.json)')
    parser.add_argument('out', type=Path, help='annotation file to write')
    parser.add_argument(
        '--img-dir',
        type=Path,
        help="folder of the pictures, data_prefix['img'] of the config (default: SOURCE)",
    )
    parser.add_argument(
        '--categories',
        nargs='+',
        metavar='NAME',
        help='all categories, their ids from 1 in this order (default: those drawn, by name)',
    )
    parser.add_argument('--val', type=Path, help='second file, for a part of the pictures')
    parser.add_argument(
        '--val-ratio', type=float, default=0.2, help='share of the pictures in --val (%(default)s)'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the split (%(default)s)')
    parser.add_argument(
        '--skip-broken', action='store_true', help='leave out what is broken instead of stopping'
    )
    args = parser.parse_args(arguments)
    if not 0 < args.val_ratio < 1:
        parser.error(f'--val-ratio lies between 0 and 1, got {args.val_ratio}')
    if args.seed < 0:
        parser.error(f'--seed is at least 0, got {args.seed}')
    if args.val is not None and args.val.resolve() == args.out.resolve():
        parser.error(f'--val {args.val} is OUT itself: name another file')
    return args


def report_mistakes(mistakes: Sequence[LabelmeMistake], skip: bool) -> None:
    """Lists mistakes on standard error, and stops unless they are skipped.

    Raises:
        UserError: There are mistakes and ``skip`` is False.
    """
    if not mistakes:
        return
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    files = len({mistake.file for mistake in mistakes})
    number = f'{len(mistakes)} mistake{"s" if len(mistakes) > 1 else ""}'
    found = f'{number} in {files} file{"s" if files > 1 else ""}, listed above'
    if not skip:
        raise UserError(
            f'{found}; nothing was written: mend the labels, or leave these objects out with '
            f'--skip-broken.'
        )
    print(f'{found}: what they concern was left out', file=sys.stderr)


def split_pictures(
    pictures: Sequence[LabelmePicture], ratio: float, seed: int
) -> tuple[list[LabelmePicture], list[LabelmePicture]]:
    """Divides pictures at random, the same way for the same seed.

    Args:
        pictures: At least two.
        ratio: Share of the second part.
        seed: Of the random choice.

    Returns:
        Both parts, at least one picture in each, in the order given.

    Raises:
        UserError: There are fewer than two pictures.
    """
    if len(pictures) < 2:
        raise UserError(f'--val needs two pictures or more to divide, there are {len(pictures)}.')
    number = min(max(round(ratio * len(pictures)), 1), len(pictures) - 1)
    chosen = set(np.random.default_rng(seed).permutation(len(pictures))[:number].tolist())
    first = [picture for place, picture in enumerate(pictures) if place not in chosen]
    return first, [picture for place, picture in enumerate(pictures) if place in chosen]


def write_split(path: Path, pictures: Sequence[LabelmePicture], names: Sequence[str]) -> str:
    """Writes one annotation file, and says in a line what it holds."""
    writer = CocoAmodalWriter(dict(enumerate(names, start=1)))
    numbers = {name: number for number, name in writer.categories.items()}
    for picture in pictures:
        image_id = writer.add_image(picture.file_name, picture.height, picture.width)
        for item in picture.objects:
            extra = {} if item.group is None else {'group_id': item.group}
            writer.add_object(image_id, numbers[item.category], item.amodal, item.visible, **extra)
    writer.write(path)
    return f'{path}: {writer.summary()}'


def convert(args: argparse.Namespace) -> list[str]:
    """Converts as the command line says.

    Returns:
        A line for each file written.

    Raises:
        UserError, OSError: Something is wrong with the input.
    """
    img_dir = args.source if args.img_dir is None else args.img_dir
    if not img_dir.is_dir():
        raise UserError(f'--img-dir {img_dir} is no folder: name the folder of the pictures.')
    outputs = [path for path in (args.out, args.val) if path is not None]
    pictures, mistakes = read_labelme_folder(args.source, img_dir, args.categories, outputs)
    report_mistakes(mistakes, args.skip_broken)
    drawn = sorted({item.category for picture in pictures for item in picture.objects})
    if not drawn:
        raise UserError(f'{args.source} holds no object: nothing was written.')
    names = args.categories or drawn
    if args.val is None:
        return [write_split(args.out, pictures, names)]
    train, val = split_pictures(pictures, args.val_ratio, args.seed)
    return [write_split(args.out, train, names), write_split(args.val, val, names)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Converts what the command line names."""
    args = parse_args(arguments)
    with one_sentence_errors():
        for line in convert(args):
            print(line)


if __name__ == '__main__':
    main()
