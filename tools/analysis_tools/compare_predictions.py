r"""Draw several methods side by side on the objects they share: the paper's Figures 1 to 3.

Examples::

    python tools/test.py configs/c2f_shapes.py weights/c2f_shapes.pth --out outputs/c2f.json
    python tools/test.py configs/trivial_hull_shapes.py --out outputs/hull.json
    python tools/analysis_tools/compare_predictions.py data/shapes/annotations/shapes_test.json \
        hull=outputs/hull.json C2F-Seg=outputs/c2f.json --img-prefix data/shapes/test \
        --disagreement 6

Prediction files are those of ``tools/test.py --out`` and COCO results of any other system. Under
each panel stands its IoU with the truth, full and occluded. Of clips (a list of MOViD-A or a track
file of Fishbowl as GT) a strip is drawn for each object: a row a method, a column a frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from c2fseg.evaluation.scoring.truth import Truth, open_truth
from c2fseg.utils.launch import UserError, one_sentence_errors
from c2fseg.visualization import DrawStyle, draw_clip_comparison, draw_comparison, write_png
from c2fseg.visualization.compared_objects import ComparedObjects

SUFFIXES = ('.png', '.jpg', '.jpeg')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Draw the predictions of methods side by side.')
    parser.add_argument(
        'truth', metavar='GT', help='annotation file; of clips the list (.txt) or track file'
    )
    parser.add_argument(
        'predictions', nargs='+', metavar='NAME=PRED.json', help='a panel each, in this order'
    )
    parser.add_argument('--img-prefix', metavar='DIR', help='folder of the pictures, or the videos')
    parser.add_argument('--out', default='outputs/comparison.png', metavar='FILE.png')
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        '--ids', nargs='+', metavar='ID', help='annotation ids; of clips also VIDEO:ID'
    )
    which.add_argument('--random', type=int, metavar='N', help='N objects drawn by --seed')
    which.add_argument(
        '--disagreement', type=int, metavar='N',
        help='the N objects with the largest mean 1 - IoU between methods',
    )  # fmt: skip
    parser.add_argument('--seed', type=int, help='of --random (default: 0)')
    parser.add_argument('--max-frames', type=int, default=8, help='frames of a clip (default: 8)')
    parser.add_argument('--tile', type=int, default=192, help='side of a panel, px (default: 192)')
    return parser.parse_args(arguments)


def read_files(pairs: list[str]) -> dict[str, str]:
    """Reads the NAME=FILE arguments.

    Args:
        pairs: The arguments.

    Returns:
        The files by name, in their order.

    Raises:
        UserError: One is no such pair, or a name comes twice.
    """
    files: dict[str, str] = {}
    for pair in pairs:
        name, equals, file = pair.partition('=')
        if not equals or not name or not file:
            raise UserError(f'{pair}: expected NAME=PRED.json, the name of a method and its file.')
        if name in files:
            raise UserError(f'The method {name} is given twice: give each a name of its own.')
        files[name] = file
    return files


def read_truth(args: argparse.Namespace) -> Truth:
    """Opens the ground truth of the command line.

    Raises:
        UserError: A key is missing in it.
    """
    try:
        return open_truth(args.truth, args.img_prefix)
    except KeyError as error:
        raise UserError(str(error.args[0])) from error


def check_arguments(args: argparse.Namespace) -> None:
    """Checks numbers and the name of the picture before anything is read.

    Raises:
        UserError: One is out of range, or --seed has nothing to do.
    """
    least = {'random': 1, 'disagreement': 1, 'max_frames': 1, 'tile': 32}
    for name, low in least.items():
        value = getattr(args, name)
        if value is not None and value < low:
            option = f'--{name.replace("_", "-")}'
            raise UserError(f'{option} {value}: expected at least {low}.')
    if args.seed is not None and (args.ids or args.disagreement):
        raise UserError('--seed draws nothing without --random: leave it out.')
    if args.seed is not None and args.seed < 0:
        raise UserError(f'--seed {args.seed}: expected at least 0.')
    if Path(args.out).suffix.lower() not in SUFFIXES:
        raise UserError(f'--out {args.out}: expected a name that ends in {", ".join(SUFFIXES)}.')


def choose(objects: ComparedObjects, args: argparse.Namespace) -> list[int]:
    """Chooses objects as the command line says; six at random when it does not say.

    Args:
        objects: The shared objects.
        args: The command line.

    Returns:
        Their places.
    """
    if args.ids:
        return objects.choose_ids(args.ids)
    if args.disagreement:
        return objects.choose_by_disagreement(args.disagreement)
    return objects.choose_randomly(args.random or 6, args.seed or 0)


def draw(objects: ComparedObjects, chosen: list[int], args: argparse.Namespace) -> None:
    """Draws the chosen objects into the file of the command line.

    Args:
        objects: The shared objects.
        chosen: Their places.
        args: The command line.

    Raises:
        UserError: A picture is missing.
    """
    style = DrawStyle(tile=args.tile)
    try:
        if objects.truth.clips:
            clips = [objects.clip(position, args.max_frames) for position in chosen]
            picture = draw_clip_comparison(clips, style)
        else:
            picture = draw_comparison([objects.picture(position) for position in chosen], style)
    except FileNotFoundError as error:
        raise UserError(f'{error}; give the folder of the pictures with --img-prefix.') from error
    write_png(args.out, picture)


def main(arguments: list[str] | None = None) -> None:
    """Reads, joins, chooses and draws."""
    args = parse_args(arguments)
    with one_sentence_errors(TypeError, ValueError):
        check_arguments(args)
        files = read_files(args.predictions)
        objects = ComparedObjects(read_truth(args), files)
        chosen = choose(objects, args)
        draw(objects, chosen, args)
        known = [objects.truth.objects[position] for position in chosen]
        print(f'{len(objects.shared)} objects are shared by {", ".join(objects.methods)}')
        print(f'drawn: {", ".join(f"{item.image_id}:{item.annotation_id}" for item in known)}')
        print(f'written to {args.out}')


if __name__ == '__main__':
    main()
