"""Turns the annotation files of KINS, COCOA and D2SA into the format that CocoAmodalDataset reads.

    python tools/dataset_converters/to_coco_amodal.py KINS/update_train_2020.json OUT.json
    python tools/dataset_converters/to_coco_amodal.py COCO_amodal_val2014.json OUT.json
    python tools/dataset_converters/to_coco_amodal.py 1.json 2.json OUT.json --img-dir pictures

The kind of file is told by its keys, never by its name: KINS v1 (inmodal_seg), KINS 2020 (a_segm),
COCOA original (regions), COCOA-cls and D2SA (visible_mask). All masks become compressed RLE, pixel
for pixel what the data set of the source gives. Boxes, areas and hidden shares are counted anew.

Original COCOA files have names and no categories: objects become a "thing" or "stuff", or
--category name makes a category of each name. Region 7 of annotation 377 becomes object 377007, as
in COCOADataset. Several files become one, and so does a folder of them. Where a file has no
"images", the pictures are looked for in --img-dir under the name that "url" ends in, then under
the name of the file itself (7.jpg for 7.json).

All mistakes are listed. Nothing is written then and the exit status is 2, unless --skip-broken
leaves those objects out. Objects that are fully hidden stay, with an empty visible_mask.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from c2fseg.datasets.cocoa_regions import CATEGORY_KINDS
from c2fseg.datasets.conversion import (
    Finding,
    RegionRules,
    SourceFile,
    convert_source,
    merge_sources,
    read_source,
)
from c2fseg.datasets.flavours import COCOA_ORIGINAL, PLAIN_COCO
from c2fseg.utils.launch import UserError, one_sentence_errors


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'sources', nargs='+', type=Path, help='annotation file, or several, or a folder of them'
    )
    parser.add_argument('out', type=Path, help='annotation file to write')
    parser.add_argument('--img-dir', type=Path, help='folder of the pictures, for files without')
    parser.add_argument(
        '--category',
        default='kind',
        choices=CATEGORY_KINDS,
        help='COCOA original: two categories, thing and stuff, or one of each name (%(default)s)',
    )
    parser.add_argument(
        '--things-only', action='store_true', help='COCOA original: leave out sky, grass and alike'
    )
    parser.add_argument(
        '--all-annotators',
        action='store_true',
        help='COCOA original: objects of all annotators of a picture (default: of the first)',
    )
    parser.add_argument(
        '--skip-broken', action='store_true', help='leave out what is broken instead of stopping'
    )
    args = parser.parse_args(arguments)
    if args.out.resolve() in [source.resolve() for source in args.sources]:
        parser.error(f'OUT {args.out} is a source itself: name another file')
    twice = [
        str(path) for path, number in Counter(map(Path.resolve, args.sources)).items() if number > 1
    ]
    if twice:
        parser.error(f'{", ".join(twice)} is named twice: name each file once')
    return args


def read_sources(paths: Sequence[Path]) -> SourceFile:
    """Reads the files as one.

    Raises:
        UserError: A file is missing, or several files are not all of the original COCOA.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UserError(f'Annotation file not found: {", ".join(missing)}.')
    sources = [read_source(path) for path in paths]
    others = {source.path for source in sources if source.flavour not in (None, COCOA_ORIGINAL)}
    if len(sources) > 1 and others:
        raise UserError(
            f'Only original COCOA files can be joined, and {sorted(others)[0]} is none: convert '
            f'it alone.'
        )
    return merge_sources(sources, ', '.join(map(str, paths)))


def report_findings(findings: Sequence[Finding], skip: bool) -> None:
    """Lists what is wrong on standard error, and stops unless it is skipped.

    Raises:
        UserError: Something is wrong and ``skip`` is False.
    """
    if not findings:
        return
    for finding in findings:
        print(f'{finding.kind}: {finding.message}', file=sys.stderr)
    number = f'{len(findings)} mistake{"s" if len(findings) > 1 else ""}, listed above'
    if not skip:
        raise UserError(
            f'{number}; nothing was written: mend the file, or leave these objects out with '
            f'--skip-broken.'
        )
    print(f'{number}: what they concern was left out', file=sys.stderr)


def convert(args: argparse.Namespace) -> list[str]:
    """Converts as the command line says.

    Returns:
        What to tell the user, in lines.

    Raises:
        UserError, OSError: Something is wrong with the input.
    """
    source = read_sources(args.sources)
    rules = RegionRules(args.category, args.things_only, args.all_annotators)
    if source.flavour is not COCOA_ORIGINAL and rules != RegionRules():
        name = 'unknown' if source.flavour is None else source.flavour.name
        raise UserError(
            f'--category, --things-only and --all-annotators are for original COCOA files, this '
            f'one is {name}: leave them out.'
        )
    done = convert_source(source, args.img_dir, rules)
    report_findings(done.findings, args.skip_broken)
    if not done.writer.annotations:
        raise UserError(f'{source.path} holds no object: nothing was written.')
    done.writer.write(args.out)
    assert source.flavour is not None
    lines = [f'read as {source.flavour.name}']
    if source.flavour is PLAIN_COCO:
        lines.append('no object has a visible mask: all of them count as unoccluded')
    lines += [f'left out: {number} objects {rule}' for rule, number in done.left_out.items()]
    return [*lines, f'{args.out}: {done.writer.summary()}']


def main(arguments: Sequence[str] | None = None) -> None:
    """Converts what the command line names."""
    args = parse_args(arguments)
    with one_sentence_errors():
        for line in convert(args):
            print(line)


if __name__ == '__main__':
    main()
