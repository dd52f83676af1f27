r"""Hides whole objects of an ordinary COCO instance file behind others, and writes the result.

The pictures and masks become an amodal data set in the custom format, with known truth::

    python tools/dataset_converters/synthesize_occlusions.py \
        data/coco/annotations/instances_val2017.json data/coco/val2017 data/coco_occlusions/val

Training needs no files: it hides objects afresh in every pass (configs/c2f_coco_occlusions.py). A
test set should be written once, so that every model is asked the same. The same seed gives the same
bytes, whatever the number of workers.
"""

from __future__ import annotations

import argparse
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from c2fseg.datasets.occlusion_synthesis.writer import write_occlusions
from c2fseg.utils.launch import one_sentence_errors

LOAD = [{'type': 'LoadFrames'}, {'type': 'LoadAmodalMasks'}]


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('annotations', help='COCO instance file')
    add('images', help='folder of its pictures')
    add('out', help='output folder: annotations.json and images/')
    add('--occluder-annotations', metavar='FILE', help='objects to paste; default: the same file')
    add('--occluder-images', metavar='DIR', help='folder of their pictures')
    add('--copies', type=int, default=1, help='pictures of each object (%(default)s)')
    add('--seed', type=int, default=0, help='whole number >= 0 (%(default)s)')
    add('--hidden', type=float, nargs=2, default=(0.05, 0.7), metavar=('LEAST', 'MOST'),
        help='share of an object to hide (0.05 0.7)')  # fmt: skip
    add('--min-area', type=int, default=1024, help='pixels of an object at least (%(default)s)')
    add('--max-contact', type=float, default=0.1,
        help='share of its outline that others may touch (%(default)s)')  # fmt: skip
    add('--keep-cut', action='store_true', help='take objects that the border cuts, too')
    add('--format', choices=('jpg', 'png'), default='jpg', help='of the pictures (%(default)s)')
    add('--quality', type=int, default=95, help='of JPEG files, 1 to 100 (%(default)s)')
    add('--workers', type=int, default=2, help='processes (%(default)s)')
    args = parser.parse_args(arguments)
    if (args.occluder_annotations is None) != (args.occluder_images is None):
        parser.error('--occluder-annotations and --occluder-images belong together')
    return args


def object_config(annotations: str, images: str, **rules: Any) -> dict[str, Any]:
    """The config of a data set of whole objects.

    Args:
        annotations: COCO instance file.
        images: Folder of its pictures.
        rules: Further arguments of ``CocoInstanceDataset``.
    """
    return {
        'type': 'CocoInstanceDataset',
        'ann_file': annotations,
        'data_prefix': {'img': images},
        'pipeline': LOAD,
        **rules,
    }


def main(arguments: list[str] | None = None) -> None:
    """Writes as the command line says."""
    args = parse_args(arguments)
    whole = {'border_margin': None if args.keep_cut else 2, 'max_contact': args.max_contact}
    objects = object_config(args.annotations, args.images, min_area=args.min_area, whole=whole)
    occluders = object_config(
        args.occluder_annotations or args.annotations,
        args.occluder_images or args.images,
        min_area=600,
        whole={'min_main_piece': 0.9, 'max_contact': 0.3},
    )
    occlusion = {
        'type': 'SynthesizedOcclusion',
        'occluders': occluders,
        'prob': 1.0,
        'hidden_range': tuple(args.hidden),
    }
    # Numbers out of range; a worker that died, for want of memory for example.
    with one_sentence_errors(ValueError, BrokenProcessPool):
        path, summary = write_occlusions(
            objects,
            occlusion,
            args.out,
            copies=args.copies,
            seed=args.seed,
            workers=args.workers,
            image_format=args.format,
            quality=args.quality,
        )
        print(f'{path}: {summary}')


if __name__ == '__main__':
    main()
