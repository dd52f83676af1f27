"""What a machine can do at best: matrix products and memory, measured beside the models."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from c2fseg.benchmarking.measure import GIGA, PartClock
from c2fseg.benchmarking.options import DTYPES

# Side of the matrices and products between two readings of the clock: enough to fill a GPU.
_PRODUCTS = {'cpu': (2048, 1), 'cuda': (8192, 10)}
# Bytes of a buffer and copies between two readings of the clock: more than caches hold.
_COPIES = {'cpu': (256 * 1024**2, 1), 'cuda': (1024**3, 10)}
_TRIES = 3


def measure_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Returns the GFLOP per second of products of square matrices, the best of three tries.

    Args:
        device: Where they are computed, with the threads and settings that torch has now.
        dtype: Of the matrices.
    """
    size, products = _PRODUCTS[device.type]
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in 'lr')
    out = left @ right
    work = 2 * size**3 * products / GIGA
    clock = PartClock(device)
    best = 0.0
    for _ in range(_TRIES):
        start = clock.now()
        for _ in range(products):
            torch.matmul(left, right, out=out)
        best = max(best, work / (clock.now() - start))
    return best


def measure_bandwidth(device: torch.device) -> float:
    """Returns the GB per second of a large copy, read and written bytes, the best of three tries.

    Args:
        device: Whose memory is measured, on a CPU with the threads that torch has now.
    """
    size, copies = _COPIES[device.type]
    source = torch.ones(size // 4, device=device)
    target = source.clone()
    clock = PartClock(device)
    best = 0.0
    for _ in range(_TRIES):
        start = clock.now()
        for _ in range(copies):
            target.copy_(source)
        best = max(best, 2 * size * copies / GIGA / (clock.now() - start))
    return best


class MachinePeaks:
    """What the machine can do at best: the best of all measurements.

    Args:
        device: The part of it that is measured.
        dtypes: Of the matrix products.

    Attributes:
        peaks: GFLOP/s of a matrix product by dtype.
        bandwidth: GB/s of a copy.
    """

    def __init__(self, device: torch.device, dtypes: Iterable[str]) -> None:
        self.device = device
        self.peaks, self.bandwidth = dict.fromkeys(dtypes, 0.0), 0.0

    def measure(self) -> None:
        """Measures once more."""
        for dtype, peak in self.peaks.items():
            self.peaks[dtype] = max(peak, measure_peak(self.device, DTYPES[dtype]))
        self.bandwidth = max(self.bandwidth, measure_bandwidth(self.device))
