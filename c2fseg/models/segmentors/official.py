"""Published checkpoint names of stage 2 to the names of this library.

The layers are the same; the three projections of an attention are one here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

ENCODER_PREFIX = 'encoder.model.'
ENCODER_CLASSIFIER = 'fc.'
ATTENTION_PARTS = ('query', 'key', 'value')

# Each pattern must match the whole name; an entry that no pattern matches is an error.
TRANSFORMER_RENAMES: Sequence[tuple[str, str]] = (
    (r'm_bias', r'head.bias'),
    (r'm_dec\.weight', r'head.classifier.weight'),
    (r'dec\.ln([12])\.(weight|bias)', r'head.norm\1.\2'),
    (r'dec\.dense\.(weight|bias)', r'head.dense.\1'),
    (r'conv_in\.(weight|bias)', r'feature_proj.\1'),
    (r'c_emb\.weight', r'visible_embedding.weight'),
    (r'z_emb\.weight', r'amodal_embedding.weight'),
    (r'pos_emb\.weight', r'position_embedding'),
    (r'blocks\.(\d+)\.mlp\.([02])\.(weight|bias)', r'blocks.\1.mlp.\2.\3'),
)
# The blocks of images have one attention, those of video two, and their norms are counted through.
IMAGE_BLOCK_RENAMES: Sequence[tuple[str, str]] = (
    (r'blocks\.(\d+)\.ln([12])\.(weight|bias)', r'blocks.\1.norm\2.\3'),
    (r'blocks\.(\d+)\.attn\.(qkv|proj)\.(weight|bias)', r'blocks.\1.attn.\2.\3'),
)
VIDEO_BLOCK_RENAMES: Sequence[tuple[str, str]] = (
    (r'blocks\.(\d+)\.ln1\.(weight|bias)', r'blocks.\1.norm1.\2'),
    (r'blocks\.(\d+)\.ln2\.(weight|bias)', r'blocks.\1.temporal_norm.\2'),
    (r'blocks\.(\d+)\.ln3\.(weight|bias)', r'blocks.\1.norm2.\2'),
    (r'blocks\.(\d+)\.attn1\.(qkv|proj)\.(weight|bias)', r'blocks.\1.attn.\2.\3'),
    (r'blocks\.(\d+)\.attn2\.(qkv|proj)\.(weight|bias)', r'blocks.\1.temporal_attn.\2.\3'),
)
REFINER_RENAMES: Sequence[tuple[str, str]] = (
    (r'conv_adapter\.(\w+)', r'adapter4.\1'),
    (r'conv_in\.(\w+)', r'feature_proj.\1'),
    (r'lay1\.(\w+)', r'fuse.0.0.\1'),
    (r'bn1\.(\w+)', r'fuse.0.1.\1'),
    (r'lay2\.(\w+)', r'fuse.1.0.\1'),
    (r'bn2\.(\w+)', r'fuse.1.1.\1'),
    (r'adapter1\.(\w+)', r'adapter3.\1'),
    (r'lay3\.(\w+)', r'trunk.0.\1'),
    (r'bn3\.(\w+)', r'trunk.1.\1'),
    (r'adapter2_(vm|am)\.(\w+)', r'<\1>.adapter2.\2'),
    (r'lay4_(vm|am)\.(\w+)', r'<\1>.block2.0.\2'),
    (r'bn4_(vm|am)\.(\w+)', r'<\1>.block2.1.\2'),
    (r'adapter3_(vm|am)\.(\w+)', r'<\1>.adapter1.\2'),
    (r'lay5_(vm|am)\.(\w+)', r'<\1>.block1.0.\2'),
    (r'bn5_(vm|am)\.(\w+)', r'<\1>.block1.1.\2'),
    (r'out_lay_(vm|am)\.(\w+)', r'<\1>.out.\2'),
)
BRANCHES = {'<vm>': 'visible_branch', '<am>': 'amodal_branch'}


def convert_encoder_state(img_encoder: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Section ``img_encoder`` of a published stage-2 file to the state of a ``ResNet``.

    Args:
        img_encoder: Parameter name to tensor; the classifier is left out.

    Returns:
        A state dict that loads strictly.

    Raises:
        KeyError: If an entry has an unknown name.
    """
    foreign = [key for key in img_encoder if not key.startswith(ENCODER_PREFIX)]
    if foreign:
        raise KeyError(_unknown('img_encoder', foreign))
    state = {key.removeprefix(ENCODER_PREFIX): value for key, value in img_encoder.items()}
    return {key: v for key, v in state.items() if not key.startswith(ENCODER_CLASSIFIER)}


def is_video_state(model: Mapping[str, Tensor]) -> bool:
    """Whether a section ``model`` of a published stage-2 file has attention over frames."""
    return any(re.fullmatch(r'blocks\.\d+\.attn2\..*', key) for key in model)


def convert_transformer_state(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Section ``model`` of a published stage-2 file to the state of a ``MaskedTransformer``.

    Files of images give ``SpatialBlock``, files of video ``SpatioTemporalBlock``.

    Args:
        model: Parameter name to tensor.

    Returns:
        A state dict that loads strictly.

    Raises:
        KeyError: If an entry has an unknown name, or a part of an attention is missing.
    """
    blocks = VIDEO_BLOCK_RENAMES if is_video_state(model) else IMAGE_BLOCK_RENAMES
    return _rename('model', _join_projections(model), (*TRANSFORMER_RENAMES, *blocks))


def convert_refiner_state(refine: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Section ``refine`` of a published stage-2 file to the state of a ``ConvRefiner``.

    Args:
        refine: Parameter name to tensor.

    Returns:
        A state dict that loads strictly.

    Raises:
        KeyError: If an entry has an unknown name.
    """
    state = _rename('refine', refine, REFINER_RENAMES)
    for mark, branch in BRANCHES.items():
        state = {key.replace(mark, branch): value for key, value in state.items()}
    return state


def _join_projections(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Query, key and value projections of every attention become one, called ``qkv``."""
    pattern = re.compile(r'(blocks\.\d+\.attn[12]?)\.(query|key|value)\.(weight|bias)')
    matches = {key: pattern.fullmatch(key) for key in model}
    state = {key: value for key, value in model.items() if matches[key] is None}
    for match in matches.values():
        if match is None:
            continue
        block, _, kind = match.groups()
        names = [f'{block}.{part}.{kind}' for part in ATTENTION_PARTS]
        missing = [name for name in names if name not in model]
        if missing:
            raise KeyError(f'section model lacks {missing}: the checkpoint is not whole')
        state[f'{block}.qkv.{kind}'] = torch.cat([model[name] for name in names])
    return state


def _rename(
    section: str, entries: Mapping[str, Tensor], renames: Sequence[tuple[str, str]]
) -> dict[str, Tensor]:
    state, unknown = {}, []
    for key, value in entries.items():
        for pattern, replacement in renames:
            match = re.fullmatch(pattern, key)
            if match:
                state[match.expand(replacement)] = value
                break
        else:
            unknown.append(key)
    if unknown:
        raise KeyError(_unknown(section, unknown))
    return state


def _unknown(section: str, keys: Sequence[str]) -> str:
    return (
        f'section {section} has {len(keys)} entries of unknown names, such as {sorted(keys)[:3]}: '
        'expected a published stage-2 checkpoint (c2f_seg_*.pth)'
    )
