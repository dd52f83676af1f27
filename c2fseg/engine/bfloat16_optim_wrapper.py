"""Training steps in bfloat16 on any device, the CPU too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from c2fseg.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """An optimizer wrapper whose forward pass runs under autocast to bfloat16.

    MMEngine's ``AmpOptimWrapper`` refuses to work without an accelerator. bfloat16 has the range of
    float32, so no loss has to be scaled; parameters and their updates stay in float32. It serves
    models that have no such setting of their own, such as mmdet's.

    Args:
        kwargs: Those of :class:`mmengine.optim.OptimWrapper`.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Runs the forward pass of ``model`` in bfloat16, where its parameters lie."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield
