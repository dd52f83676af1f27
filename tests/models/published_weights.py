"""Files of the published layout and size that cost next to nothing.

Every tensor is one number, expanded to its shape: a file of hundreds of megabytes becomes one of a
few kilobytes, and the number says which entry it came from. Some entries hold the weights of the
parity formula.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from tests.models.segmentors.published_shapes import (
    encoder_shapes,
    refiner_shapes,
    transformer_shapes,
)
from tests.parity_helpers import INTEGER_BUFFERS, formula_weight, load_manifest

# What the files of a data set are called, whether they are of clips, size of the codebook.
PUBLISHED = {
    'kins': ('KINS', False, 256),
    'cocoa': ('COCOA', False, 256),
    'movid_a': ('MOViD_A', True, 256),
    'fishbowl': ('Fishbowl', True, 32),
}
OF_THE_FORMULA = ('blocks.3.attn.', 'blocks.3.attn2.', 'adapter3_am.')


def mark(section: str, key: str) -> float:
    """The number that an entry is filled with."""
    return zlib.crc32(f'{section}.{key}'.encode()) % 10007 / 10007


def cheap_weight(section: str, key: str, shape: Sequence[int]) -> Tensor:
    """An entry of a published file."""
    if key.startswith(OF_THE_FORMULA):
        return formula_weight(section, key, shape)
    if key.endswith(INTEGER_BUFFERS):
        return torch.zeros(tuple(shape), dtype=torch.int64)
    return torch.full((), mark(section, key)).expand(tuple(shape))


def published_shapes(dataset: str) -> dict[str, Mapping[str, Sequence[int]]]:
    """Section to parameter name to shape, of both files of a data set."""
    _, clips, codes = PUBLISHED[dataset]
    # COCOA and MOViD-A have the tokenizer of KINS.
    stage1 = load_manifest('tokenizer_manifest')[
        f'vqgan_{"KINS" if codes == 256 else "Fishbowl"}.pth'
    ]
    return dict(
        **stage1,
        model=transformer_shapes(depth=8 if clips else 12, codes=codes, video=clips),
        img_encoder=encoder_shapes(),
        refine=refiner_shapes(),
    )


def cheap_sections(dataset: str) -> dict[str, dict[str, Tensor]]:
    """Section to parameter name to tensor, of both files of a data set."""
    sections = {
        name: {key: cheap_weight(name, key, shape) for key, shape in shapes.items()}
        for name, shapes in published_shapes(dataset).items()
    }
    sections['d_model']['perceptual_loss.lin0.model.1.weight'] = torch.ones(1, 64, 1, 1)
    return sections


def write_files(folder: Path, dataset: str) -> tuple[Path, Path]:
    """Writes the stage-1 and the stage-2 file of a data set as the authors lay them out."""
    sections = cheap_sections(dataset)
    name = PUBLISHED[dataset][0]
    paths = folder / f'vqgan_{name}.pth', folder / f'c2f_seg_{name}.pth'
    stage1 = {key: sections.pop(key) for key in ('g_model', 'd_model')}
    optimizer = dict(state={0: dict(exp_avg=torch.ones(4))}, param_groups=[dict(lr=3e-4)])
    torch.save(dict(**stage1, optimizer_states=[optimizer, optimizer]), paths[0])
    torch.save(dict(iteration=150000, sample_iter=1, **sections, opt=optimizer), paths[1])
    return paths
