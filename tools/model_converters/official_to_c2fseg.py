"""Published C2F-Seg checkpoint files to one checkpoint of this library.

    python tools/model_converters/official_to_c2fseg.py SRC [SRC ...] OUT
    python tools/model_converters/official_to_c2fseg.py --inspect SRC [SRC ...]

A stage-1 file (``vqgan_*.pth``) and a stage-2 file (``c2f_seg_*.pth``) together give a checkpoint
that the configs under ``configs/official`` load; a stage-1 file alone gives one of the tokenizer
and its discriminator. Files are read without running code they may carry. The checkpoint's ``meta``
says which files it was made of (name and SHA-256), what was left out of them, and by which version.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import c2fseg.models  # noqa: F401  registers the components
from c2fseg.models.published_files import (
    DISCRIMINATOR_REASON,
    DROPPED_ENTRIES,
    PARTS,
    PUBLISHED_SETS,
    LayoutError,
    PublishedFile,
    Sections,
    State,
    convert_sections,
    dropped_entries,
    find_datasets,
    join_sections,
    read_published_file,
)
from c2fseg.registry import MODELS
from c2fseg.utils.checkpoint import CheckpointError, load_checkpoint_safely, save_checkpoint
from c2fseg.utils.checkpoint_fit import compare_states
from c2fseg.utils.config_files import ConfigError, read_config
from c2fseg.utils.launch import UserError
from c2fseg.version import __version__

OFFICIAL_CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'official'
# Raised when other numbers, or other names for them, come out of the same files.
CONVERTER_VERSION = 2


def find_config(
    sections: Sections, file_names: Sequence[str] = (), dataset: str | None = None
) -> Path:
    """The config that published files belong to.

    Args:
        sections: The sections of all files.
        file_names: What the files are called.
        dataset: Whose they are; None finds it out. Where files of several data sets have the same
            shapes and the names do not tell, the first config of them.

    Returns:
        A config of the whole model, or of the tokenizer where there is no stage 2.

    Raises:
        LayoutError: The files fit no data set, or not the one that was given.
    """
    names = find_datasets(sections, file_names, dataset)
    stage = 'c2f' if 'model' in sections else 'vqgan'
    return OFFICIAL_CONFIGS / f'{stage}_{names[0]}_official.py'


def check_against_config(state: State, config: str | Path) -> None:
    """Compares names and shapes with the model of a config.

    Args:
        state: A converted state of a ``C2FSeg`` or of a ``MaskVQGAN``.
        config: Config file whose ``model`` is to load it.

    Raises:
        LayoutError: If keys are missing or unexpected, or shapes differ.
        UserError: There is no such config, or it describes no such model.
    """
    if not Path(config).is_file():
        raise UserError(f'Config {config} does not exist: give one of configs/official/*.py.')
    description = read_config(config).get('model') or {}
    if 'perceptual_loss' in description:
        description.perceptual_loss = None  # a frozen network whose weights would be fetched
    with torch.device('meta'):
        own = MODELS.build(description).state_dict() if description else {}
    difference = compare_states(own, state)
    if difference:
        raise LayoutError(f'the files do not fit the model of {config}: {difference}')


def describe_origin(
    files: Sequence[PublishedFile], sections: Sections, datasets: Sequence[str], config: Path
) -> dict[str, Any]:
    """What a converted checkpoint says about where it comes from.

    Args:
        files: The files.
        sections: Their sections.
        datasets: The data sets that they may belong to; none where the caller named the config.
        config: The config that they fit.

    Returns:
        Plain values for the checkpoint's ``meta``.
    """
    dropped = {key: reason for file in files for key, reason in file.dropped.items()}
    for name, number, reason in dropped_entries(sections):
        dropped[name] = f'{number} tensors: {reason}'
    return dict(
        converted_from=[file.path.name for file in files],
        source_sha256=[file.sha256 for file in files],
        converter_version=CONVERTER_VERSION,
        c2fseg_version=__version__,
        dataset=' or '.join(datasets),
        config=config.stem,
        dropped=dropped,
    )


def convert(paths: Sequence[str], out: str, config: str | None, dataset: str | None) -> None:
    """Converts files, and prints what became of them.

    Args:
        paths: The files to read.
        out: The file to write.
        config: Config that they must fit; None takes the one of their data set.
        dataset: Whose files they are; None finds it out.

    Raises:
        LayoutError, UserError, CheckpointError: They cannot be converted; nothing is written.
    """
    check_target(paths, out)
    files = [read_published_file(path) for path in paths]
    sections = join_sections(files)
    names = [file.path.name for file in files]
    state = convert_sections(sections)
    datasets = () if config and not dataset else find_datasets(sections, names, dataset)
    target = Path(config) if config else find_config(sections, names, dataset)
    check_against_config(state, target)
    meta = describe_origin(files, sections, datasets, target)
    save_checkpoint(dict(meta=meta, state_dict=state), out)
    for file in files:
        print(f'{file.path.name}: sha256 {file.sha256}')
    for name, reason in meta['dropped'].items():
        print(f'left out: {name} ({reason})')
    print(f'{len(state)} tensors written to {out}; they fit {target}')


def check_target(paths: Sequence[str], out: str) -> None:
    """Checks that the file to write is not one of those that are worth keeping.

    Args:
        paths: The files to read.
        out: The file to write.

    Raises:
        UserError: It is a folder, one of the sources, or another published file.
    """
    target = Path(out).expanduser()
    if target.is_dir():
        raise UserError(f'{out} is a folder: give the file to write as the last argument.')
    if not target.is_file():
        return
    if any(Path(path).exists() and target.samefile(path) for path in paths):
        raise UserError(f'{out} is also a source: the last argument is the file to write.')
    try:
        held = load_checkpoint_safely(target)
    except CheckpointError:
        return  # nothing that a conversion could need again
    if any(name in held for name in PARTS):
        raise UserError(
            f'{out} is a published file itself: give the file to write as the last argument.'
        )


def inspect(path: str) -> str:
    """What a file holds.

    Args:
        path: The file.

    Returns:
        Lines of text.

    Raises:
        LayoutError, CheckpointError: It is no published file, or cannot be read.
    """
    file = read_published_file(path)
    lines = [f'{path}: {file.path.expanduser().stat().st_size / 1e6:.1f} MB, sha256 {file.sha256}']
    for name, section in file.sections.items():
        prefix, reason = DROPPED_ENTRIES.get(name, (None, ''))
        left_out = [key for key in section if prefix is not None and key.startswith(prefix)]
        numbers = sum(value.numel() for key, value in section.items() if key not in left_out)
        use = f'{len(section) - len(left_out)} tensors, {numbers / 1e6:.1f} M numbers'
        lines.append(f'  {name}: {use} for the {PARTS[name]}')
        if name == 'd_model':
            lines.append('    left out beside a stage-2 file: ' + DISCRIMINATOR_REASON)
        if left_out:
            lines.append(f'    left out: {len(left_out)} tensors {prefix}* ({reason})')
    lines += [f'  {key}: left out ({reason})' for key, reason in file.dropped.items()]
    titles = ' or '.join(
        PUBLISHED_SETS[name].title for name in find_datasets(file.sections, [file.path.name])
    )
    return '\n'.join([*lines, f'  data set: {titles}'])


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description='Convert published C2F-Seg checkpoints.',
        usage='%(prog)s [--dataset NAME] [--config FILE] SRC [SRC ...] OUT\n'
        '       %(prog)s --inspect SRC [SRC ...]',
    )
    parser.add_argument(
        'paths', nargs='+', metavar='FILE', help='vqgan_*.pth, c2f_seg_*.pth; last the one to write'
    )
    parser.add_argument(
        '--inspect', action='store_true', help='print what the files hold and write nothing'
    )
    parser.add_argument(
        '--dataset',
        choices=sorted(PUBLISHED_SETS),
        help='whose files they are (default: by what they hold and what they are called)',
    )
    parser.add_argument(
        '--config',
        help='config that they must fit (default: that of their data set in configs/official)',
    )
    args = parser.parse_args(arguments)
    if args.inspect and (args.dataset or args.config):
        parser.error('--inspect takes files alone: leave --dataset and --config out')
    if not args.inspect and len(args.paths) < 2:
        parser.error('give at least one file to read, and the file to write as the last argument')
    return args


def main(arguments: list[str] | None = None) -> None:
    """Converts, or inspects, as the command line says."""
    args = parse_args(arguments)
    try:
        if args.inspect:
            for path in args.paths:
                print(inspect(path))
        else:
            *sources, out = args.paths
            convert(sources, out, args.config, args.dataset)
    except (LayoutError, CheckpointError, ConfigError, UserError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
