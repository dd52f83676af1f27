"""Which parts of C2FSeg run in low precision, and which are left in float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from c2fseg.models.utils import without_autocast

AUTOCAST_DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16}


def autocast_context(device: torch.device, dtype: str | None) -> AbstractContextManager:
    """Mixed precision on ``device``; ``None`` leaves what an AMP wrapper outside has set."""
    if dtype is None:
        return nullcontext()
    return torch.autocast(device.type, dtype=AUTOCAST_DTYPES[dtype])


def autocast_if(wanted: bool, device: torch.device) -> AbstractContextManager:
    """Inside of autocast: goes on with it where that is wanted, and leaves it off otherwise."""
    return nullcontext() if wanted else without_autocast(device)


def condition_parts(model: nn.Module) -> tuple[nn.Module, ...]:
    """What computes the condition of the decoding: tokens of the visible mask, image features and
    their embedding.

    Args:
        model: A C2FSeg. A tokenizer that does not name its ``encoding_parts`` counts as a whole,
            and so does a transformer without ``condition_parts``.
    """
    return (
        *getattr(model.tokenizer, 'encoding_parts', (model.tokenizer,)),
        model.backbone,
        *getattr(model.transformer, 'condition_parts', (model.transformer,)),
    )
