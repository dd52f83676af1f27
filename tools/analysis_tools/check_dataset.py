"""Reads a data set whole and says what is in it and what is wrong with it.

    python tools/analysis_tools/check_dataset.py configs/c2f_coco_amodal.py
    python tools/analysis_tools/check_dataset.py train.json val.json --img-prefix images

Give a config, all of whose splits are read, or annotation files of KINS, COCOA, D2SA or your own;
their kind is told by their keys. --img-prefix is the folder of the pictures, one for all files or
one for each; without it pictures are not read.

Printed are counts, sizes, how much is hidden, how far boxes are off the masks, and everything that
is broken or odd, by name. It does not stop at the first problem. In the folder OUT:

    report.json        all of it, each finding with split, kind, place and message
    hidden_share.png   how much of the objects is hidden

Exit status: 0 when nothing is broken, 1 when something is, 2 when the command itself is wrong.

- Broken: what a data set refuses, or what spoils scores. Unreadable files; missing keys; wrong
  values; masks that cannot be read, have no amodal pixel or belong to another size; pictures that
  are missing, damaged or of another size; the same picture in two splits.
- Remarks: what is legal but should be known. Fully hidden objects; visible pixels outside the
  amodal mask; boxes more than 2 px off their masks; objects annotated twice; a picture twice in a
  split; pictures of two splits with the same name and nearly the same look. With --strict, they
  count as broken.
"""

from __future__ import annotations

import argparse
import json
import os
import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from mmengine.config import Config

from c2fseg.datasets.checking import (
    Split,
    count_kinds,
    draw_hidden_shares,
    duplicate_objects,
    duplicate_pictures,
    findings_text,
    gather_split,
    split_text,
    summarise,
)
from c2fseg.datasets.conversion import Finding
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.launch import UserError, load_config, one_sentence_errors
from c2fseg.utils.option_action import PairsAction

SPLITS = ('train', 'val', 'test')
CLIP_DATASETS = ('FishbowlDataset', 'MOViDADataset')
MOST_WORKERS = 8


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('inputs', nargs='+', help='a config (.py), or annotation files (.json)')
    parser.add_argument(
        '--img-prefix', nargs='+', metavar='DIR', help='folder of the pictures, one or one a file'
    )
    parser.add_argument('--no-pictures', action='store_true', help='do not read the pictures')
    parser.add_argument(
        '--exif',
        default='apply',
        choices=('apply', 'ignore'),
        help='how pictures are turned, for annotation files; a config says it (%(default)s)',
    )
    parser.add_argument('--out', default='outputs/check_dataset', help='folder (%(default)s)')
    parser.add_argument(
        '--workers',
        type=int,
        default=min(os.cpu_count() or 1, MOST_WORKERS),
        help='processes; small data sets are read in one (%(default)s)',
    )
    parser.add_argument(
        '--list', type=int, default=50, help='findings printed of each kind (%(default)s)'
    )
    parser.add_argument('--strict', action='store_true', help='remarks count as broken')
    parser.add_argument('--cfg-options', nargs='+', action=PairsAction, help='k=v overrides')
    args = parser.parse_args(arguments)
    if args.workers < 1 or args.list < 0:
        parser.error('--workers is at least 1, --list at least 0')
    return args


def asked_splits(args: argparse.Namespace) -> list[Split]:
    """Gives what the command line asks to read.

    Raises:
        UserError: The inputs do not fit together, or a config has no pictures' data set.
    """
    configs = [name for name in args.inputs if name.endswith('.py')]
    if not configs:
        if args.cfg_options:
            raise UserError('--cfg-options override a config, and none is given: leave them out.')
        return splits_of_files(args)
    if len(args.inputs) > 1 or args.img_prefix:
        raise UserError('Give one config alone, without --img-prefix, or annotation files.')
    config = load_config(configs[0], args.cfg_options, None)
    splits = splits_of_config(config, configs[0])
    if args.no_pictures:
        splits = [split._replace(img_prefix=None) for split in splits]
    return splits


def splits_of_files(args: argparse.Namespace) -> list[Split]:
    """Gives a split for each annotation file, or folder of original COCOA files."""
    missing = [name for name in args.inputs if not Path(name).exists()]
    if missing:
        raise UserError(f'Annotation file {missing[0]} does not exist.')
    prefixes = args.img_prefix or [None]
    if len(prefixes) not in (1, len(args.inputs)):
        raise UserError(
            f'--img-prefix: give one folder, or one for each of the {len(args.inputs)} files, '
            f'got {len(prefixes)}.'
        )
    for prefix in prefixes:
        if prefix is not None and not Path(prefix).is_dir():
            raise UserError(f'--img-prefix: folder {prefix} does not exist.')
    if args.no_pictures:
        prefixes = [None]
    prefixes = prefixes * len(args.inputs) if len(prefixes) == 1 else prefixes
    names = [Path(name).stem for name in args.inputs]
    if len(set(names)) < len(names):
        names = list(args.inputs)
    return [
        Split(name, (path,), prefix, args.exif)
        for name, path, prefix in zip(names, args.inputs, prefixes)
    ]


def splits_of_config(config: Config, path: str) -> list[Split]:
    """Gives the splits of a config; one that several loaders read comes once.

    Raises:
        UserError: There is none, or its data are clips.
    """
    found: dict[tuple, tuple[Split, list[str]]] = {}
    for name in SPLITS:
        loader = config.get(f'{name}_dataloader') or {}
        for dataset in datasets_in(loader.get('dataset') or {}):
            split = split_of_dataset(dataset, name)
            found.setdefault(split[1:], (split, []))[1].append(name)
    if not found:
        raise UserError(f'{path} has no data set with an annotation file: nothing to check.')
    splits = [split._replace(name=', '.join(names)) for split, names in found.values()]
    names = [split.name for split in splits]
    return [
        split if names.count(split.name) == 1
        else split._replace(name=f'{split.name} ({Path(split.ann_files[0]).name})')
        for split in splits
    ]  # fmt: skip


def datasets_in(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yields the data sets below a node of a config, those inside wrappers too."""
    if isinstance(node, Mapping):
        if node.get('ann_file'):
            yield node
            return
        node = list(node.values())
    if isinstance(node, list | tuple):
        for item in node:
            yield from datasets_in(item)


def split_of_dataset(dataset: Mapping[str, Any], name: str) -> Split:
    """Gives what a data set of a config reads."""
    kind = str(dataset.get('type', '')).split('.')[-1]
    if kind in CLIP_DATASETS:
        raise UserError(f'{kind} holds clips, check_dataset reads data sets of pictures.')
    root = dataset.get('data_root') or ''
    files = dataset['ann_file']
    files = [files] if isinstance(files, str) else list(files)
    prefix = (dataset.get('data_prefix') or {}).get('img', '')
    steps = dataset.get('pipeline') or ()
    rules = [step['exif'] for step in steps if isinstance(step, Mapping) and 'exif' in step]
    return Split(
        name,
        tuple(osp.join(root, file) for file in files),
        osp.join(root, prefix),
        rules[0] if rules else 'apply',
        dataset.get('bbox'),
    )


def check(splits: Sequence[Split], workers: int) -> tuple[list[dict], dict[str, list[Finding]]]:
    """Reads all splits.

    Args:
        splits: What to read.
        workers: Processes.

    Returns:
        A summary of each split; findings by split, those about several splits under 'all splits'.
    """
    gathered, summaries = [], []
    findings: dict[str, list[Finding]] = {}
    for split in splits:
        data = gather_split(split, workers)
        findings[split.name] = data.findings + duplicate_objects(data.rows)
        summaries.append(summarise(data))
        gathered.append(data._replace(rows=[], findings=[]))
    findings['all splits'] = duplicate_pictures(gathered)
    return summaries, findings


def write_report(
    out: Path, summaries: Sequence[dict], findings: Mapping[str, Sequence[Finding]]
) -> None:
    """Writes ``report.json`` and ``hidden_share.png`` into a folder."""
    everything = [finding for found in findings.values() for finding in found]
    report = {
        'broken': sum(finding.broken for finding in everything),
        'remarks': sum(not finding.broken for finding in everything),
        'kinds': count_kinds(everything),
        'splits': summaries,
        'findings': [
            {'split': name, **finding._asdict()}
            for name, found in findings.items()
            for finding in found
        ],
    }
    text = json.dumps(report, indent=1, ensure_ascii=False, default=str)
    write_whole(out / 'report.json', f'{text}\n'.encode())
    draw_hidden_shares(summaries, out / 'hidden_share.png')


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks what the command line names.

    Returns:
        The exit status: 1 when something is broken, else 0.
    """
    args = parse_args(arguments)
    with one_sentence_errors(BrokenProcessPool):
        summaries, findings = check(asked_splits(args), args.workers)
        for summary in summaries:
            print(f'{split_text(summary)}\n')
        everything = [finding for found in findings.values() for finding in found]
        print(findings_text(everything, args.list))
        out = Path(args.out)
        write_report(out, summaries, findings)
    print(f'\n{out / "report.json"}\n{out / "hidden_share.png"}')
    return int(any(finding.broken or args.strict for finding in everything))


if __name__ == '__main__':
    raise SystemExit(main())
