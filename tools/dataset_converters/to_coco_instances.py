"""Writes the visible masks of KINS, COCOA, D2SA and custom files as COCO instances, for detectors.

    python tools/dataset_converters/to_coco_instances.py KINS/update_train_2020.json OUT.json
    python tools/dataset_converters/to_coco_instances.py custom_train.json OUT.json

A detector such as Mask R-CNN finds what can be seen, and its libraries take "segmentation" of a
COCO file for the truth, which is the amodal mask in most amodal data sets. In OUT it is the visible
mask, pixel for pixel that of the source, as compressed RLE; "bbox" and "area" belong to it. The ids
of pictures, objects and categories stay. Objects without a visible pixel are left out.

The kind of file is told by its keys: see to_coco_amodal.py, which also takes original COCOA files
(convert those with it first). Nothing is written where something is wrong, unless --skip-broken
leaves those objects out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from c2fseg.datasets.conversion import convert_source, read_source
from c2fseg.datasets.flavours import COCOA_ORIGINAL
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.launch import UserError, one_sentence_errors


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='annotation file with amodal and visible masks')
    parser.add_argument('out', type=Path, help='annotation file to write')
    parser.add_argument(
        '--skip-broken', action='store_true', help='leave out what is broken instead of stopping'
    )
    args = parser.parse_args(arguments)
    if args.out.resolve() == args.source.resolve():
        parser.error(f'OUT {args.out} is the source itself: name another file')
    return args


def visible_instance(annotation: dict[str, Any]) -> dict[str, Any] | None:
    """An object as detectors know it: its visible mask alone; None where nothing is visible."""
    mask = annotation['visible_mask']
    area = int(coco_mask.area(mask))
    if area == 0:
        return None
    return {
        'id': annotation['id'],
        'image_id': annotation['image_id'],
        'category_id': annotation['category_id'],
        'segmentation': mask,
        'bbox': [float(side) for side in coco_mask.toBbox(mask)],
        'area': area,
        'iscrowd': 0,
    }


def convert(args: argparse.Namespace) -> str:
    """Converts as the command line says.

    Returns:
        What was written, in a line.

    Raises:
        UserError, OSError: Something is wrong with the input.
    """
    if not args.source.is_file():
        raise UserError(f'Annotation file not found: {args.source}.')
    source = read_source(args.source)
    if source.flavour is COCOA_ORIGINAL:
        raise UserError(
            f'{args.source} is an original COCOA file, whose regions have no category: make one '
            'with to_coco_amodal.py first, and give that here.'
        )
    done = convert_source(source)
    if done.findings and not args.skip_broken:
        first = done.findings[0].message
        raise UserError(
            f'{args.source}: {len(done.findings)} mistakes, the first is: {first}. Nothing was '
            'written: mend the file (check_dataset.py lists all), or pass --skip-broken.'
        )
    content = done.writer.content()
    seen = [visible_instance(annotation) for annotation in content['annotations']]
    content['annotations'] = [instance for instance in seen if instance is not None]
    if not content['annotations']:
        raise UserError(f'{args.source} holds no object with a visible pixel: nothing was written.')
    write_whole(args.out, json.dumps(content, separators=(',', ':')).encode())
    hidden = seen.count(None)
    return (
        f'{args.out}: {len(content["images"])} pictures, {len(content["annotations"])} visible'
        f' masks, {len(content["categories"])} categories; left out: {hidden} objects without a'
        f' visible pixel, {len(done.findings)} broken'
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Converts what the command line names."""
    args = parse_args(arguments)
    with one_sentence_errors():
        print(convert(args))


if __name__ == '__main__':
    main()
