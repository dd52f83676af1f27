"""Measures time, operations, bytes and memory of the parts of a model, for the benchmarks."""

from __future__ import annotations

import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mmengine
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from c2fseg.benchmarking.traffic import TrafficCounter
from c2fseg.models.segmentors import predictions
from c2fseg.version import __version__

GIGA = 1e9
_ABSENT = object()


class PartClock:
    """Adds up the time, the operations, the bytes and the calls of named parts of a model.

    Args:
        device: Where the model runs; the clock waits for a GPU before it is read.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.inside = False
        self.counter: FlopCounterMode | None = None
        self.traffic: TrafficCounter | None = None
        self.reset()

    def reset(self) -> None:
        """Starts at zero for all parts."""
        self.seconds: dict[str, float] = {}
        self.flop: dict[str, float] = {}
        self.bytes: dict[str, int] = {}
        self.weight_bytes: dict[str, int] = {}
        self.calls: dict[str, int] = {}

    def now(self) -> float:
        """Returns the time in seconds, when all work given to the device is done."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def counted(self) -> float:
        """Returns the operations counted so far, 0 while nothing counts them."""
        return float(self.counter.get_total_flops()) if self.counter is not None else 0.0

    def moved(self) -> tuple[int, int]:
        """Returns the bytes moved so far and those of weights, 0 while nothing counts them."""
        return (self.traffic.total, self.traffic.weights) if self.traffic is not None else (0, 0)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns ``function`` with its cost booked under ``name``.

        Args:
            name: The part.
            function: What computes it.
        """

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if self.inside:  # a part of a part is the outer one's
                return function(*args, **kwargs)
            self.inside = True
            start, flop, moved = self.now(), self.counted(), self.moved()
            try:
                result = function(*args, **kwargs)
            finally:
                self.inside = False
            self.seconds[name] = self.seconds.get(name, 0.0) + self.now() - start
            self.flop[name] = self.flop.get(name, 0.0) + self.counted() - flop
            for book, now, before in zip((self.bytes, self.weight_bytes), self.moved(), moved):
                book[name] = book.get(name, 0) + now - before
            self.calls[name] = self.calls.get(name, 0) + 1
            return result

        return wrapper


@contextmanager
def instrumented(model: torch.nn.Module, clock: PartClock) -> Iterator[None]:
    """Books the cost of the model's parts on the clock, inside the block."""
    # A module that was compiled in place has this attribute; every call of a module passes it.
    call = '_compiled_call_impl'
    parts: list[tuple[str, Any, str]] = [
        ('tokenizer_encode', model.tokenizer, 'encode'),
        ('tokenizer_decode', model.tokenizer, 'decode'),
        ('backbone', model.backbone, call),
        ('transformer_condition', model.transformer, 'embed_condition'),
        ('transformer_step', model.transformer, 'predict_tokens'),
        ('refiner', model.refiner, call),
        ('paste', predictions, 'paste_masks'),
    ]
    replaced = []
    try:
        for name, owner, attribute in parts:
            function = getattr(owner, attribute, None)
            if attribute == call and function is None:
                function = owner._call_impl
            if function is not None:
                replaced.append((owner, attribute, vars(owner).get(attribute, _ABSENT)))
                setattr(owner, attribute, clock.timed(name, function))
        yield
    finally:
        for owner, attribute, before in replaced:
            if before is _ABSENT:
                vars(owner).pop(attribute)
            else:
                setattr(owner, attribute, before)


def count_flops() -> FlopCounterMode:
    """Returns a counter that also knows the attention kernel of the CPU, which torch's does not."""

    def forward(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return sdpa_flop_count(query, key, value)

    def backward(grad: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return sdpa_backward_flop_count(grad, query, key, value)

    aten = torch.ops.aten
    mapping = {
        aten._scaled_dot_product_flash_attention_for_cpu: forward,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: backward,
    }
    return FlopCounterMode(display=False, custom_mapping=mapping)


def resident_peak_mb() -> float:
    """Returns the highest resident memory of this process so far, in MB (10^6 bytes)."""
    status = Path('/proc/self/status')
    if status.is_file():
        match = re.search(r'^VmHWM:\s+(\d+) kB', status.read_text(), flags=re.MULTILINE)
        if match is not None:
            return int(match.group(1)) * 1024 / 1e6
    import resource  # absent on Windows

    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def environment(device: torch.device) -> dict[str, Any]:
    """Returns what the numbers depend on: machine, threads, versions."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.is_file():
        match = re.search(r'^model name\s*:\s*(.+)$', cpuinfo.read_text(), flags=re.MULTILINE)
        name = match.group(1) if match is not None else name
    if device.type == 'cuda':
        name = torch.cuda.get_device_name(device)
    return dict(
        processor=name,
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        torch=torch.__version__,
        mmengine=mmengine.__version__,
        c2fseg=__version__,
    )
