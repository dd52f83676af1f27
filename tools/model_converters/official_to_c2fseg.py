"""Published C2F-Seg checkpoint files to one checkpoint of this library.

``python tools/model_converters/official_to_c2fseg.py SRC [SRC ...] OUT``. A stage-1 file
(``vqgan_*.pth``) and a stage-2 file (``c2f_seg_*.pth``) together give a checkpoint that the configs
under ``configs/official`` load; a stage-1 file alone gives one of the tokenizer and its
discriminator. Files are read without running code they may carry.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

import c2fseg.models  # noqa: F401  registers the components
from c2fseg.models.segmentors.official import (
    convert_encoder_state,
    convert_refiner_state,
    convert_transformer_state,
    is_video_state,
)
from c2fseg.models.tokenizers.official import (
    convert_discriminator_state,
    convert_tokenizer_state,
)
from c2fseg.registry import MODELS
from c2fseg.utils.checkpoint import CheckpointError, load_checkpoint_safely, save_checkpoint
from c2fseg.utils.checkpoint_fit import compare_states
from c2fseg.version import __version__

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL_CONFIGS = ROOT / 'configs' / 'official'
FISHBOWL_CODES = 32
STAGE1_SECTIONS = ('g_model', 'd_model')
STAGE2_SECTIONS = ('model', 'img_encoder', 'refine')

State = dict[str, Tensor]


class LayoutError(ValueError):
    """The files are not what the published ones look like."""


def read_sections(paths: Sequence[str | Path]) -> dict[str, Mapping[str, Tensor]]:
    """Reads the sections of all files.

    Args:
        paths: Stage-1 and stage-2 files in any order.

    Returns:
        Section name to parameter name to tensor.

    Raises:
        LayoutError: If a file has no known section, or two files hold the same one.
        CheckpointError: If a file cannot be read or carries code.
    """
    sections: dict[str, Mapping[str, Tensor]] = {}
    for path in paths:
        content = load_checkpoint_safely(path)
        found = [name for name in (*STAGE1_SECTIONS, *STAGE2_SECTIONS) if name in content]
        if not found:
            raise LayoutError(
                f'{path}: expected sections {STAGE1_SECTIONS} (stage 1) or {STAGE2_SECTIONS} '
                f'(stage 2), got {sorted(map(str, content))[:5]}; is it a published file?'
            )
        wanted = STAGE1_SECTIONS[:1] if found[0] in STAGE1_SECTIONS else STAGE2_SECTIONS
        missing = [name for name in wanted if name not in found]
        repeated = [name for name in found if name in sections]
        if missing or repeated:
            what = f'lacks the sections {missing}' if missing else f'repeats sections {repeated}'
            raise LayoutError(f'{path} {what}; give one whole file of each stage')
        sections.update({name: _tensors(path, name, content[name]) for name in found})
    return sections


def _tensors(path: str | Path, name: str, section: Any) -> Mapping[str, Tensor]:
    if not isinstance(section, Mapping) or not all(
        isinstance(value, Tensor) for value in section.values()
    ):
        raise LayoutError(f'{path}: section {name} must map parameter names to tensors')
    return section


def convert_sections(sections: Mapping[str, Mapping[str, Tensor]]) -> State:
    """Converts sections to the state of a whole model, or of the tokenizer's trainer.

    Args:
        sections: What :func:`read_sections` returned.

    Returns:
        With stage 2 the state of a ``C2FSeg``; without it ``autoencoder.*`` and, where the file
        has one, ``discriminator.*``.

    Raises:
        LayoutError: If stage 2 comes without stage 1, or an entry has an unknown name.
    """
    if 'g_model' not in sections:
        raise LayoutError(
            'the stage-2 file does not hold the tokenizer: give the stage-1 file (vqgan_*.pth) too'
        )
    try:
        tokenizer = convert_tokenizer_state(sections['g_model'])
        if 'model' not in sections:
            parts = {'autoencoder': tokenizer}
            if 'd_model' in sections:
                parts['discriminator'] = convert_discriminator_state(sections['d_model'])
        else:
            parts = {
                'tokenizer': tokenizer,
                'backbone': convert_encoder_state(sections['img_encoder']),
                'transformer': convert_transformer_state(sections['model']),
                'refiner': convert_refiner_state(sections['refine']),
            }
    except KeyError as error:
        raise LayoutError(str(error.args[0])) from error
    return {f'{part}.{key}': v for part, state in parts.items() for key, v in state.items()}


def find_config(sections: Mapping[str, Mapping[str, Tensor]]) -> Path:
    """The config that the published files of stage 2 belong to, by what they hold.

    Args:
        sections: What :func:`read_sections` returned, with stage 2.

    Returns:
        That of KINS (COCOA's files have the same shapes), MOViD-A or Fishbowl.
    """
    if not is_video_state(sections['model']):
        return OFFICIAL_CONFIGS / 'c2f_kins_official.py'
    classes = len(sections['model'].get('m_bias', ()))
    name = 'fishbowl' if classes == FISHBOWL_CODES + 1 else 'movid_a'
    return OFFICIAL_CONFIGS / f'c2f_{name}_official.py'


def check_against_config(state: State, config: str | Path) -> None:
    """Compares names and shapes with the model of a config.

    Args:
        state: A converted state of a ``C2FSeg``.
        config: Config file whose ``model`` is to load it.

    Raises:
        LayoutError: If keys are missing or unexpected, or shapes differ.
    """
    with torch.device('meta'):
        model = MODELS.build(Config.fromfile(config).model)
    difference = compare_states(model.state_dict(), state)
    if difference:
        raise LayoutError(f'the files do not fit the model of {config}: {difference}')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Convert published C2F-Seg checkpoints.')
    parser.add_argument('sources', nargs='+', metavar='SRC', help='vqgan_*.pth, c2f_seg_*.pth')
    parser.add_argument('out', metavar='OUT', help='file to write')
    parser.add_argument(
        '--config',
        help='config that a whole model must fit (default: the one in configs/official for images, '
        'MOViD-A or Fishbowl, by what the files hold)',
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Converts as the command line says."""
    args = parse_args(arguments)
    try:
        sections = read_sections(args.sources)
        state = convert_sections(sections)
        config = None
        if 'model' in sections:
            config = args.config or find_config(sections)
            check_against_config(state, config)
    except (LayoutError, CheckpointError) as error:
        sys.exit(f'error: {error}')
    meta = dict(converted_from=[Path(p).name for p in args.sources], c2fseg_version=__version__)
    save_checkpoint(dict(meta=meta, state_dict=state), args.out)
    fits = '' if config is None else f'; they fit {config}'
    print(f'{len(state)} tensors written to {args.out}{fits}')


if __name__ == '__main__':
    main()
