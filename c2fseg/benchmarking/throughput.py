"""How many objects a device completes or learns from in a second, without waits in between."""

from __future__ import annotations

import gc
import math
import statistics
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import c2fseg
from c2fseg.benchmarking.measure import PartClock
from c2fseg.benchmarking.options import DTYPES
from c2fseg.benchmarking.peaks import measure_peak
from c2fseg.benchmarking.subject import MEGA, Subject
from c2fseg.models.segmentors import predictions

REGIONS = 3
MAX_CALLS = 200
OUT_OF_MEMORY = 'out of memory'


def time_calls(
    function: Callable[[], object], device: torch.device, seconds: float
) -> dict[str, Any]:
    """Takes the time of a function; the device is waited for at the ends of a region alone.

    Args:
        function: What is measured.
        device: Where it works.
        seconds: How long to measure for, all regions together.

    Returns:
        ``warm_up_seconds`` (the first call, compilation and all), ``seconds`` of a call (median of
        the regions), ``lowest_seconds``, ``highest_seconds``, and ``calls`` of a region.
    """
    clock = PartClock(device)

    def region(calls: int) -> float:
        start = clock.now()
        for _ in range(calls):
            function()
        return (clock.now() - start) / calls

    warm_up, estimate = region(1), region(1)
    calls = math.ceil(min(MAX_CALLS, max(1, seconds / REGIONS / max(estimate, 1e-6))))
    times = [region(calls) for _ in range(REGIONS)]
    return dict(
        warm_up_seconds=warm_up,
        seconds=statistics.median(times),
        lowest_seconds=min(times),
        highest_seconds=max(times),
        calls=calls,
    )


def predict_row(subject: Subject, batch_size: int, seconds: float) -> dict[str, Any]:
    """Measures predictions of a batch, to masks at image size.

    Args:
        subject: The model; its operations have been counted, see :meth:`Subject.count`.
        batch_size: Objects at a time.
        seconds: How long to measure for.

    Returns:
        Numbers of a row, or its ``status`` where the memory did not suffice.
    """

    def measure() -> dict[str, Any]:
        subject.load_batch(batch_size)
        return _rates(subject, subject.predict_once, subject.gflop_per_object, seconds)

    row = _guarded(measure)
    _forget_batch(subject)
    return row


def train_row(subject: Subject, batch_size: int, seconds: float) -> dict[str, Any]:
    """Measures training steps on a batch.

    Args:
        subject: The model; see :meth:`Subject.count_train`.
        batch_size: Objects of a step.
        seconds: How long to measure for.

    Returns:
        Numbers of a row, or its ``status`` where the memory did not suffice.
    """

    def measure() -> dict[str, Any]:
        subject.load_batch(batch_size)
        return _rates(subject, subject.train_once, subject.train_gflop_per_sample, seconds)

    with _training_alone(subject):
        row = _guarded(measure)
    _forget_batch(subject)
    return row


@contextmanager
def _training_alone(subject: Subject) -> Iterator[None]:
    """Keeps a GPU for the model that is trained, which is forgotten at the end of the block.

    The model that predicts waits on the CPU: a training has no such model beside it, and its memory
    would count in the peak and in what fits.
    """
    subject.model.to('cpu')
    subject.model.data_preprocessor.to(subject.device)  # it says where batches go
    free_memory()
    try:
        yield
    finally:
        subject.forget_training()
        free_memory()
        subject.model.to(subject.device)


def _rates(
    subject: Subject, function: Callable[[], None], gflop: float, seconds: float
) -> dict[str, Any]:
    device, on_gpu = subject.device, subject.device.type == 'cuda'
    peak = measure_peak(device, DTYPES[subject.options.dtype])
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    times = time_calls(function, device, seconds)
    # On a CPU there is but the highest memory of the process, with that of all rows before.
    memory = torch.cuda.max_memory_allocated(device) / MEGA if on_gpu else None
    rate = subject.batch_size / times['seconds']
    return dict(
        status='measured',
        objects_per_second=rate,
        lowest_objects_per_second=subject.batch_size / times['highest_seconds'],
        highest_objects_per_second=subject.batch_size / times['lowest_seconds'],
        gflop_per_object=gflop,
        gflop_per_second=rate * gflop,
        peak_gflop_per_second=peak,
        fraction_of_peak=rate * gflop / peak,
        peak_memory_mb=memory,
        warm_up_seconds=times['warm_up_seconds'],
        calls=times['calls'],
    )


def _guarded(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Runs a measurement; too little memory is a status."""
    try:
        return measure()
    except torch.OutOfMemoryError:
        # What the traceback holds on to is free once this function is left.
        return dict(status=OUT_OF_MEMORY)


def _forget_batch(subject: Subject) -> None:
    """Gives back what the batch of a row took."""
    subject.load_batch(1)
    free_memory()


def free_memory() -> None:
    """Gives the memory of a GPU back that nothing refers to any more."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def find_wait(subject: Subject) -> str | None:
    """Looks for a wait of the host for the GPU in a prediction, up to the pasting.

    Args:
        subject: A model on a GPU that has predicted before, so that nothing is set up any more.

    Returns:
        None, or what made the host wait and where.
    """
    paste = predictions.paste_masks

    def paste_and_stop_looking(*args: Any, **kwargs: Any) -> Any:
        torch.cuda.set_sync_debug_mode('default')
        return paste(*args, **kwargs)

    predictions.paste_masks = paste_and_stop_looking
    torch.cuda.synchronize(subject.device)
    torch.cuda.set_sync_debug_mode('error')
    try:
        subject.predict_once()
    except RuntimeError as error:
        if 'synchroniz' not in str(error):
            raise
        root = Path(c2fseg.__file__).parent
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if root in Path(one.filename).parents] or frames
        where = own[-1]
        return f'{where.filename}:{where.lineno} in {where.name}: {where.line}'
    finally:
        torch.cuda.set_sync_debug_mode('default')
        predictions.paste_masks = paste
    return None
