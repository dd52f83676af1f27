"""Published checkpoint names of stage 1 to the names of this library.

The layers are the same, so only names change; every published entry has one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

# Applied in order, each to the result of the one before.
TOKENIZER_RENAMES: Sequence[tuple[str, str]] = (
    (r'\bmid\.block_1\.', 'middle.0.'),
    (r'\bmid\.block_2\.', 'middle.1.'),
    (r'^encoder\.down\.', 'encoder.levels.'),
    (r'\.block\.(\d+)\.', r'.blocks.\1.'),
    (r'\.nin_shortcut\.', '.shortcut.'),
    (r'^quantize\.embedding\.weight$', 'quantizer.codebook'),
)
CODEBOOK = 'quantize.embedding.weight'
DISCRIMINATOR_PREFIX = 'discriminator.main.'
PERCEPTUAL_PREFIX = 'perceptual_loss.'


def convert_tokenizer_state(g_model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Section ``g_model`` of a published stage-1 file to the state of a `MaskAutoencoder`.

    Decoder levels are numbered there from high to low resolution, here in the order in which they
    run. Counters of code use, which the published model lacks, start at zero.

    Args:
        g_model: Parameter name to tensor.

    Returns:
        A state dict that loads strictly.

    Raises:
        KeyError: If the section holds no codebook or no decoder, so is not a tokenizer.
    """
    if CODEBOOK not in g_model:
        raise KeyError(
            f"section g_model lacks '{CODEBOOK}': expected a published tokenizer "
            f'checkpoint (vqgan_*.pth), got entries such as {sorted(g_model)[:3]}'
        )
    levels = [int(n) for key in g_model for n in re.findall(r'^decoder\.up\.(\d+)', key)]
    if not levels:
        raise KeyError("section g_model lacks 'decoder.up.*': the tokenizer has no decoder")
    state = {}
    for key, tensor in g_model.items():
        name = re.sub(
            r'^decoder\.up\.(\d+)',
            lambda match: f'decoder.levels.{max(levels) - int(match[1])}',
            key,
        )
        for pattern, replacement in TOKENIZER_RENAMES:
            name = re.sub(pattern, replacement, name)
        state[name] = tensor
    num_codes = len(state['quantizer.codebook'])
    state['quantizer.usage'] = torch.zeros(num_codes, dtype=torch.int64)
    state['quantizer.num_passes'] = torch.zeros((), dtype=torch.int64)
    return state


def convert_discriminator_state(d_model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Section ``d_model`` of a published stage-1 file to the state of a `PatchDiscriminator`.

    Args:
        d_model: Parameter name to tensor; entries of the perceptual network are left out.

    Returns:
        A state dict that loads strictly.

    Raises:
        KeyError: If the section holds no discriminator, or an entry has an unknown name.
    """
    unknown = [
        key for key in d_model if not key.startswith((DISCRIMINATOR_PREFIX, PERCEPTUAL_PREFIX))
    ]
    state = {
        'layers.' + key.removeprefix(DISCRIMINATOR_PREFIX): tensor
        for key, tensor in d_model.items()
        if key.startswith(DISCRIMINATOR_PREFIX)
    }
    if not state:
        raise KeyError(
            f"section d_model has no entry that starts with '{DISCRIMINATOR_PREFIX}': expected a "
            f'published tokenizer checkpoint (vqgan_*.pth), got entries such as '
            f'{sorted(d_model)[:3]}'
        )
    if unknown:
        raise KeyError(
            f'section d_model has {len(unknown)} entries of unknown names, such as '
            f'{sorted(unknown)[:3]}: expected those of the discriminator and of the perceptual '
            f'network ({PERCEPTUAL_PREFIX}*)'
        )
    return state
