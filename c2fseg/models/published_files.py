"""What files of published C2F-Seg weights hold, and to which data set they belong.

A stage-1 file (``vqgan_*.pth``) and a stage-2 file (``c2f_seg_*.pth``) hold sections of tensors and
what the training needed. Every entry is accounted for: used, or dropped for a reason that has a
name here. Files are read without running code that they may carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from c2fseg.models.segmentors.official import (
    ENCODER_CLASSIFIER,
    ENCODER_PREFIX,
    convert_encoder_state,
    convert_refiner_state,
    convert_transformer_state,
    is_video_state,
)
from c2fseg.models.tokenizers.official import (
    CODEBOOK,
    PERCEPTUAL_PREFIX,
    convert_discriminator_state,
    convert_tokenizer_state,
)
from c2fseg.utils.checkpoint import load_checkpoint_safely
from c2fseg.utils.hashing import hash_file

State = dict[str, Tensor]
Sections = Mapping[str, Mapping[str, Tensor]]

STAGE1_SECTIONS = ('g_model', 'd_model')
STAGE2_SECTIONS = ('model', 'img_encoder', 'refine')
# What becomes of a section.
PARTS = {
    'g_model': 'tokenizer',
    'd_model': 'discriminator',
    'model': 'transformer',
    'img_encoder': 'backbone',
    'refine': 'refiner',
}
DROPPED_KEYS = {
    'optimizer_states': 'state of the optimizers',
    'opt': 'state of the optimizer',
    'iteration': 'progress of the training',
    'sample_iter': 'progress of the training',
}
DROPPED_ENTRIES = {
    'd_model': (PERCEPTUAL_PREFIX, 'frozen network of the perceptual loss'),
    'img_encoder': (ENCODER_PREFIX + ENCODER_CLASSIFIER, 'classifier of ImageNet'),
}
DISCRIMINATOR_REASON = 'discriminator, which the training of stage 1 alone needs'


class LayoutError(ValueError):
    """The files are not what the published ones look like. The message is one sentence."""


@dataclass(frozen=True)
class PublishedSet:
    """How the files of a data set differ from those of others.

    Args:
        title: Its name.
        mark: What the names of its files contain, in lower case.
        clips: Whether the transformer looks over frames.
        codes: Size of the codebook.
    """

    title: str
    mark: str
    clips: bool
    codes: int


PUBLISHED_SETS = {
    'kins': PublishedSet('KINS', 'kins', clips=False, codes=256),
    'cocoa': PublishedSet('COCOA', 'cocoa', clips=False, codes=256),
    'movid_a': PublishedSet('MOViD-A', 'movid', clips=True, codes=256),
    'fishbowl': PublishedSet('Fishbowl', 'fishbowl', clips=True, codes=32),
}


@dataclass(frozen=True)
class PublishedFile:
    """The content of a file.

    Args:
        path: Where it was read.
        sha256: Hash of its bytes, as hexadecimal digits.
        sections: Section to parameter name to tensor.
        dropped: Other keys of the file, and why they are not needed.
    """

    path: Path
    sha256: str
    sections: Sections
    dropped: Mapping[str, str]


def read_published_file(path: str | Path) -> PublishedFile:
    """Reads a file.

    Args:
        path: A stage-1 or a stage-2 file.

    Returns:
        Its content.

    Raises:
        LayoutError: It has no known section, lacks one of its stage, has a key of unknown meaning,
            or a section is no mapping of names to tensors.
        CheckpointError: It cannot be read or carries code.
    """
    content = load_checkpoint_safely(path)
    found = [name for name in PARTS if name in content]
    if not found:
        raise LayoutError(
            f'{path}: expected sections {STAGE1_SECTIONS} (stage 1) or {STAGE2_SECTIONS} '
            f'(stage 2), got {sorted(map(str, content))[:5]}; is it a published file?'
        )
    stages = ((STAGE1_SECTIONS, STAGE1_SECTIONS[:1]), (STAGE2_SECTIONS, STAGE2_SECTIONS))
    needed = [name for every, some in stages if set(every) & set(found) for name in some]
    missing = [name for name in needed if name not in found]
    if missing:
        raise LayoutError(f'{path} lacks the sections {missing}; give one whole file of each stage')
    unknown = sorted(str(key) for key in content if key not in PARTS and key not in DROPPED_KEYS)
    if unknown:
        raise LayoutError(
            f'{path} has {len(unknown)} keys of unknown meaning beside its sections, such as '
            f'{unknown[:3]}: expected none but {sorted(DROPPED_KEYS)}; is it a published file?'
        )
    return PublishedFile(
        path=Path(path),
        sha256=hash_file(Path(path).expanduser()),
        sections={name: _tensors(path, name, content[name]) for name in found},
        dropped={key: DROPPED_KEYS[key] for key in content if key in DROPPED_KEYS},
    )


def _tensors(path: str | Path, name: str, section: Any) -> Mapping[str, Tensor]:
    if not isinstance(section, Mapping) or not all(
        isinstance(value, Tensor) for value in section.values()
    ):
        raise LayoutError(f'{path}: section {name} must map parameter names to tensors')
    return section


def join_sections(files: Iterable[PublishedFile]) -> dict[str, Mapping[str, Tensor]]:
    """The sections of all files.

    Args:
        files: A stage-1 and a stage-2 file, or one of them, in any order.

    Returns:
        Section to parameter name to tensor.

    Raises:
        LayoutError: Two files hold the same section.
    """
    sections: dict[str, Mapping[str, Tensor]] = {}
    for file in files:
        repeated = [name for name in file.sections if name in sections]
        if repeated:
            raise LayoutError(
                f'{file.path} repeats sections {repeated}; give one whole file of each stage'
            )
        sections.update(file.sections)
    return sections


def convert_sections(sections: Sections) -> State:
    """Converts sections to the state of a whole model, or of the tokenizer's trainer.

    Args:
        sections: What :func:`join_sections` returned.

    Returns:
        With stage 2 the state of a ``C2FSeg``; without it that of a ``MaskVQGAN``, which lacks
        ``discriminator.*`` where the file does. What the published model does not count starts at
        zero.

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
            return _trainer_state(tokenizer, sections.get('d_model'))
        parts = {
            'tokenizer': tokenizer,
            'backbone': convert_encoder_state(sections['img_encoder']),
            'transformer': convert_transformer_state(sections['model']),
            'refiner': convert_refiner_state(sections['refine']),
        }
    except KeyError as error:
        raise LayoutError(str(error.args[0])) from error
    return _join(parts)


def _trainer_state(tokenizer: State, d_model: Mapping[str, Tensor] | None) -> State:
    parts = {'autoencoder': tokenizer}
    if d_model is not None:
        parts['discriminator'] = convert_discriminator_state(d_model)
    return {**_join(parts), 'num_updates': torch.zeros((), dtype=torch.int64)}


def _join(parts: Mapping[str, State]) -> State:
    return {f'{part}.{key}': v for part, state in parts.items() for key, v in state.items()}


def dropped_entries(sections: Sections) -> Iterator[tuple[str, int, str]]:
    """Which tensors :func:`convert_sections` leaves out.

    Args:
        sections: What :func:`join_sections` returned.

    Yields:
        Section or beginning of the names, number of tensors, reason.
    """
    whole = 'model' in sections
    for name, section in sections.items():
        prefix, reason = DROPPED_ENTRIES.get(name, (None, ''))
        left_out = sum(prefix is not None and key.startswith(prefix) for key in section)
        if left_out:
            yield f'{name}.{prefix}*', left_out, reason
        if name == 'd_model' and whole:
            yield name, len(section) - left_out, DISCRIMINATOR_REASON


def find_datasets(
    sections: Sections, file_names: Sequence[str] = (), given: str | None = None
) -> tuple[str, ...]:
    """The data sets that files may belong to, by what they hold and what they are called.

    Args:
        sections: What :func:`join_sections` returned.
        file_names: Names of the files; an error where they contradict each other or the content.
        given: What the caller says, instead of the names.

    Returns:
        One name of :data:`PUBLISHED_SETS`, or several whose files have the same shapes.

    Raises:
        LayoutError: The content fits no data set, its parts belong to several, or it is not what
            the names or the caller say.
    """
    what, fitting = _fitting_sets(sections)
    if given is not None:
        if given not in fitting:
            raise LayoutError(
                f'--dataset {given} does not fit: the files hold {what}, as those of '
                f'{_titles(fitting)}; leave --dataset out or give the files of '
                f'{PUBLISHED_SETS[given].title}'
            )
        return (given,)
    marked = {
        name: file
        for file in file_names
        for name, data in PUBLISHED_SETS.items()
        if data.mark in file.lower()
    }
    if len(marked) > 1:
        raise LayoutError(
            f'{" and ".join(marked.values())} are called after different data sets: give the two '
            'files of one, or say with --dataset whose they are'
        )
    if not marked:
        return fitting
    [(name, file)] = marked.items()
    if name not in fitting:
        raise LayoutError(
            f'{file} is called after {PUBLISHED_SETS[name].title}, but the files hold {what}, as '
            f'those of {_titles(fitting)}: say with --dataset whose they are'
        )
    return (name,)


def _fitting_sets(sections: Sections) -> tuple[str, tuple[str, ...]]:
    """What sections hold, in words, and the data sets whose files hold the same."""
    codes = clips = None
    what = []
    if 'model' in sections:
        clips = is_video_state(sections['model'])
        codes = _rows(sections['model'].get('m_bias')) - 1
        what.append(f'a transformer for {"clips" if clips else "images"} and {codes} codes')
    if 'g_model' in sections:
        own = _rows(sections['g_model'].get(CODEBOOK))
        if codes not in (None, own):
            raise LayoutError(
                f'the tokenizer has {own} codes, but the transformer of the stage-2 file is made '
                f'for {codes}: give the two files of one data set'
            )
        codes = own
        what.append(f'a tokenizer of {codes} codes')
    fitting = tuple(
        name
        for name, data in PUBLISHED_SETS.items()
        if clips in (None, data.clips) and codes in (None, data.codes)
    )
    if not fitting:
        kinds = ', '.join(
            f'{data.title} ({"clips" if data.clips else "images"}, {data.codes} codes)'
            for data in PUBLISHED_SETS.values()
        )
        raise LayoutError(
            f'the files hold {" and ".join(what)}, which no published data set has: expected '
            f'{kinds}; name the config that they fit with --config'
        )
    return ' and '.join(what), fitting


def _rows(tensor: Tensor | None) -> int:
    return 0 if tensor is None or tensor.ndim == 0 else len(tensor)


def _titles(names: Iterable[str]) -> str:
    return ' or '.join(PUBLISHED_SETS[name].title for name in names)
