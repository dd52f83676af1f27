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


def low_precision_parts(model: nn.Module) -> list[nn.Module]:
    """What runs inside of autocast alone, where the condition of the decoding does not.

    A tokenizer names its ``decoding_parts`` and a transformer its ``step_parts``; what they do not
    name may have to run in float32.

    Args:
        model: A C2FSeg.
    """
    return [
        *getattr(model.tokenizer, 'decoding_parts', ()),
        *getattr(model.transformer, 'step_parts', ()),
        model.refiner,
    ]
