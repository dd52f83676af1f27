"""What a resumed optimizer takes from its config and its model, not from the checkpoint."""

from __future__ import annotations

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch.optim import Optimizer


def settle_resumed_optimizers(optim_wrapper: OptimWrapper | OptimWrapperDict) -> None:
    """Makes loaded states fit the way in which the optimizers compute now.

    ``load_state_dict`` of torch takes over ``fused`` from the checkpoint, of which the constructor
    has told the loss scaler otherwise, and keeps the memory layout of the moments, which the fused
    kernels expect to be that of the parameters. Nothing changes where both are as they were.

    Args:
        optim_wrapper: Of a runner.
    """
    single = not isinstance(optim_wrapper, OptimWrapperDict)
    for wrapper in [optim_wrapper] if single else optim_wrapper.values():
        _settle(wrapper.optimizer)


def _settle(optimizer: Optimizer) -> None:
    fused = optimizer.defaults.get('fused')
    for group in optimizer.param_groups:
        if 'fused' in group:
            group['fused'] = fused
        for parameter in group['params']:
            state = optimizer.state.get(parameter, {})
            for name, value in state.items():
                if not isinstance(value, torch.Tensor):
                    continue
                if name == 'step' and fused:
                    state[name] = value.to(parameter.device, torch.float32)
                elif value.shape == parameter.shape and value.stride() != parameter.stride():
                    state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
