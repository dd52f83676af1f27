"""Whether code may look at the values of a tensor."""

from __future__ import annotations

import torch
from torch import Tensor


def runs_eagerly(x: Tensor) -> bool:
    """Whether ``x`` has values here and now: nothing compiles, exports or traces the caller."""
    # A fake or functional tensor is one of a class of its own.
    return type(x) is Tensor and not (torch.compiler.is_compiling() or torch.jit.is_tracing())
