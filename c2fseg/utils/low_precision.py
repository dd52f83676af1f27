"""Says where arithmetic of low precision is slower than float32, as without units for it."""

from __future__ import annotations

import logging
import time

import torch
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from torch import nn

_SIDE = 768  # of the products: long enough to tell, some hundredths of a second in all
_TRIES = 3
_CLEARLY = 1.2


def _product_speed(dtype: torch.dtype) -> float:
    """GFLOP a second of a matrix product on the CPU, the best of some tries."""
    left, right = (torch.ones(_SIDE, _SIDE, dtype=dtype) for _ in 'lr')
    out = left @ right  # warms up
    seconds = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        torch.matmul(left, right, out=out)
        seconds.append(time.perf_counter() - start)
    return 2 * _SIDE**3 / min(seconds) / 1e9


def warn_if_slower(device: torch.device, dtype: torch.dtype, remedy: str) -> bool:
    """Multiply matrices in both dtypes, and log a warning where float32 is clearly faster.

    Some processors convert bfloat16 but have no units to multiply it, and nothing else tells.
    A GPU is not measured.

    Args:
        device: Where the model runs.
        dtype: In which it is to run.
        remedy: What to do instead, the end of a sentence.

    Returns:
        Whether there was something to say.
    """
    if device.type != 'cpu':
        return False
    low, full = (_product_speed(one) for one in (dtype, torch.float32))
    if full < _CLEARLY * low:
        return False
    name = str(dtype).removeprefix('torch.')
    print_log(
        f'{name} is slower than float32 on this processor: matrix products run at {low:.0f} and '
        f'{full:.0f} GFLOP/s; {remedy}',
        'current',
        logging.WARNING,
    )
    return True


def warn_of_slow_autocast(model: nn.Module, phase: str) -> bool:
    """As :func:`warn_if_slower`, for the mixed precision that a model's config asks for.

    Args:
        model: The model of a runner; one without such an option has nothing to warn of.
        phase: ``train`` or ``test``.

    Returns:
        Whether there was something to say.
    """
    model = model.module if is_model_wrapper(model) else model
    owner, key = getattr(model, f'{phase}_cfg', None), f'model.{phase}_cfg.autocast'
    if owner is None and phase == 'train':  # stage 1 and prompts have the option themselves
        owner, key = model, 'model.autocast'
    name = getattr(owner, 'autocast', None)
    if name is None:
        return False
    device = next(model.parameters()).device
    return warn_if_slower(device, getattr(torch, name), f'--cfg-options {key}=None does without')
