"""Says where arithmetic of low precision is slower than float32, as without units for it."""

from __future__ import annotations

import logging

import torch
from mmengine.logging import print_log

from c2fseg.benchmarking.peaks import measure_peak

_SIDE = 768  # of the products: long enough to tell, some hundredths of a second in all
_CLEARLY = 1.2


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
    low, full = (measure_peak(device, one, _SIDE) for one in (dtype, torch.float32))
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
