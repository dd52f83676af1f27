"""Complete the hidden parts of objects: a table on the screen, a panel a picture.

    python demo/image_demo.py                                  # the pictures that ship
    python demo/image_demo.py PICTURES --masks annotations.json
    python demo/image_demo.py PICTURE --box 120 40 380 290     # or --point 200 150
    python demo/image_demo.py PICTURES --detector CONFIG WEIGHTS

PICTURES is a file, a folder or a glob pattern; the JSON file holds the visible masks of their
objects (KINS, COCO, or a COCO result list) and, when known, the whole objects to compare with.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from c2fseg.apis import AmodalInferencer, MaskEntry, MaskFile
from c2fseg.apis.inference_model import PRECISIONS
from c2fseg.apis.inputs import list_images
from c2fseg.apis.model_files import GENERAL_MODEL, shipped_folder
from c2fseg.apis.picture_outputs import DRAWINGS
from c2fseg.cli.mask_arguments import add_mask_arguments, read_mask_arguments
from c2fseg.datasets.image_io import read_rgb
from c2fseg.evaluation.functional import mask_iou
from c2fseg.structures import decode_mask, mask_area
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.checkpoint import CheckpointError
from c2fseg.visualization import PanelObject, draw_picture, write_png
from c2fseg.visualization.image_io import unique_stems, writable_folder

# An object counts as occluded from this hidden share on.
OCCLUDED = 0.05


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('images', nargs='?', help='picture, folder or pattern (default: demo/data)')
    add_mask_arguments(parser)
    parser.add_argument(
        '--model', default=GENERAL_MODEL, help='recipe name or config path (%(default)s)'
    )
    parser.add_argument('--weights', help='checkpoint (default: the weights that ship)')
    parser.add_argument('--out-dir', default='outputs/demo', help='folder of the results')
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--precision', choices=PRECISIONS, help="of the model's arithmetic (default: the config's)"
    )
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--num-hypotheses', type=int, default=1, help='guesses for each object')
    parser.add_argument('--resume', action='store_true', help='go on with an interrupted run')
    args = parser.parse_args()
    ways = (args.masks, args.detector, args.box, args.point, args.mask_source)
    found = any(way is not None for way in ways)
    if args.images is not None and not found:
        parser.error(
            'your own pictures need --masks, a JSON file of the visible masks, or --detector, '
            '--box, --point or --mask-source'
        )
    if args.images is None or not found:
        demo = shipped_folder('demo')
        if demo is None or not (demo / 'data').is_dir():
            parser.error('demo/data is not there; give pictures and --masks')
        args.images = args.images or str(demo / 'data')
        if not found:
            args.masks = str(demo / 'data' / 'annotations.json')
    return args


def choose_objects(masks: MaskFile, name: str) -> list[MaskEntry]:
    """The objects of a picture to complete: the occluded ones where the truth tells, else all."""
    try:
        return [entry for entry in masks.find(name) if hidden_share(entry) >= OCCLUDED]
    except (TypeError, ValueError) as error:
        raise type(error)(f'{masks.path}, {name}, {error}') from error


def hidden_share(entry: MaskEntry) -> float:
    """The hidden share of an object by its truth, 1.0 when it is not known."""
    if entry.truth is None or entry.size is None:
        return 1.0
    try:
        visible = mask_area(entry.visible, *entry.size)
        return 1 - visible / max(1, mask_area(entry.truth, *entry.size))
    except (TypeError, ValueError) as error:
        name = entry.info.get('annotation_id', 'without id')
        raise type(error)(f'annotation {name}: {error}') from error


def compare(result: dict[str, Any], truth: np.ndarray | None) -> list[str]:
    """Hidden share and IoU of visible, coarse and amodal mask with the truth, as table cells."""
    given = result['visible_mask']
    if truth is None:
        return [f'{100 * result["occlusion_rate"]:.0f} (pred.)', '-', '-', '-']
    hidden = 1 - np.count_nonzero(given & truth) / max(1, np.count_nonzero(truth))
    cells = [f'{100 * hidden:.0f}']
    for name in ('visible_mask', 'coarse_mask', 'amodal_mask'):
        cells.append(f'{mask_iou(result[name], truth):.3f}' if name in result else '-')
    return cells


def report(
    predictions: list[dict[str, Any]], entries: list[list[MaskEntry]] | None, out_dir: Path
) -> tuple[Table, list[Path]]:
    """Fill the table and draw a panel of every picture.

    Args:
        predictions: Those of the inferencer.
        entries: The objects, in the same order, with the truth; None where there is none.
        out_dir: Folder of the results.

    Returns:
        The table, and the files written.
    """
    table = Table(title='Objects completed; IoU with the true whole object')
    for column in ('picture', 'object', 'category', 'hidden %', 'visible', 'coarse', 'amodal'):
        table.add_column(column, justify='left' if column == 'category' else 'right')
    written, sums = [], []
    stems = unique_stems(prediction['image'] for prediction in predictions)
    for position, prediction in enumerate(predictions):
        picture = Path(prediction['image'])
        items = []
        for number, result in enumerate(prediction['objects'], start=1):
            coded = None if entries is None else entries[position][number - 1].truth
            truth = None
            if coded is not None:
                truth = decode_mask(coded, *prediction['size']).astype(bool)
            cells = compare(result, truth)
            category = str(result.get('category', ''))
            table.add_row(picture.name, str(number), category, *cells)
            if truth is not None:
                sums.append([float('nan') if cell == '-' else float(cell) for cell in cells])
            given, amodal = result['visible_mask'], result['amodal_mask']
            coarse, title = result.get('coarse_mask'), f'{number} {category}'.strip()
            items.append(PanelObject(given, amodal, coarse, truth, title))
        drawn = draw_picture(read_rgb(str(picture)), items)
        written.append(write_png(out_dir / DRAWINGS / f'{stems[position]}.png', drawn))
    if sums:
        means = np.mean(sums, axis=0)
        cells = [f'{means[0]:.0f}'] + ['-' if np.isnan(m) else f'{m:.3f}' for m in means[1:]]
        table.add_section()
        table.add_row('mean', '', f'{len(sums)} objects', *cells)
    return table, written


def complete(
    args: argparse.Namespace,
) -> tuple[list[str], list[dict[str, Any]], list[list[MaskEntry]] | None]:
    """Complete the objects of all pictures.

    Args:
        args: The command line.

    Returns:
        Names of the pictures, their results, and, of a mask file, the objects of each.
    """
    source, masks = read_mask_arguments(args)
    inferencer = AmodalInferencer(args.model, args.weights, args.device, source, args.precision)
    sources, alone = list_images(args.images)
    names = [one.name for one in sources]
    entries = None
    if masks['visible_masks'] is not None:
        file = MaskFile(masks['visible_masks'])
        entries = [choose_objects(file, name) for name in names]
        masks['visible_masks'] = entries
    results = inferencer(
        args.images if alone and entries is None else names,
        **masks,
        num_hypotheses=args.num_hypotheses,
        batch_size=args.batch_size,
        seed=args.seed,
        out_dir=args.out_dir,
        save=('masks', 'json'),
        resume=args.resume,
    )
    return names, results['predictions'], entries


def main() -> int:
    """Run the demo; returns the exit code."""
    args = parse_args()
    console = Console()
    start = time.perf_counter()
    try:
        writable_folder(args.out_dir)
        names, predictions, entries = complete(args)
        table, written = report(predictions, entries, Path(args.out_dir))
    except (CheckpointError, OSError, ValueError, TypeError, KeyError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f'image_demo: {message}', file=sys.stderr)
        return 1
    console.print(table)
    seconds = time.perf_counter() - start
    count = sum(len(prediction['objects']) for prediction in predictions)
    console.print(f'{count} objects in {len(names)} pictures, {seconds:.1f} s.')
    console.print(f'Masks, predictions.json and panels: {Path(args.out_dir).resolve()}')
    for path in written:
        console.print(f'  {path}', highlight=False)
    return 0


if __name__ == '__main__':
    keep_freed_memory()
    sys.exit(main())
