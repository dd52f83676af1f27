"""One model under measurement: predictions, training steps, and what they cost."""

from __future__ import annotations

import multiprocessing
import signal
import statistics
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import Tensor, nn

from c2fseg.apis.init_model import init_model
from c2fseg.benchmarking.inputs import drawn_batches, find_crop_size, make_batch
from c2fseg.benchmarking.measure import (
    GIGA,
    PartClock,
    count_flops,
    environment,
    instrumented,
    resident_peak_mb,
)
from c2fseg.benchmarking.options import OptionError, SubjectOptions
from c2fseg.benchmarking.subject_config import load_subject_config
from c2fseg.benchmarking.traffic import TrafficCounter
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.launch import UserError, building_errors

MEGA = 1e6
OTHER = 'other'
# In float32 whatever the dtype, unless test_cfg.condition_autocast is set.
CONDITION = ('tokenizer_encode', 'backbone', 'transformer_condition')
PARTS = ('backbone', 'tokenizer', 'transformer', 'refiner')


class Subject:
    """One model under measurement.

    Args:
        options: What is measured.

    Raises:
        OptionError: Nothing reads a key of the options, or the model has not the parts of stage 2,
            or cannot do what is asked for.
        UserError: The model cannot be built from its config.
        InputSizeError: No pipeline of the config says how large the crops are.
        CheckpointError: The checkpoint does not fit.
    """

    def __init__(self, options: SubjectOptions) -> None:
        cfg = load_subject_config(options)
        self.options, self.cfg = options, cfg
        self.device = torch.device(options.device)
        self.model = self._build()
        lacking = [part for part in PARTS if not hasattr(self.model, part)]
        if lacking:
            raise OptionError(
                f'{options.name}: {type(self.model).__name__} has no {", ".join(lacking)}; models '
                'of stage 2 (C2FSeg) are measured here, such as configs/c2f_kins.py'
            )
        self.parameters = sum(parameter.numel() for parameter in self.model.parameters())
        if options.optimize:
            self._method('optimize_for_inference')()
        self.crop_size = find_crop_size(cfg)
        self.clock = PartClock(self.device)
        self.rounds: list[dict[str, float]] = []
        self.train_seconds: list[float] = []
        self.total_flop, self.total_bytes, self.total_weight_bytes = 0.0, 0, 0
        self.gflop_per_object = 0.0
        self.train_gflop_per_sample: float | None = None
        self.compile_seconds: float | None = None
        self.trainee: nn.Module | None = None
        self.optim: OptimWrapper | None = None
        self.load_batch(options.batch_size)

    def _build(self) -> nn.Module:
        torch.manual_seed(0)
        with building_errors(self.options.name):
            return init_model(self.cfg, self.options.checkpoint, self.device)

    def _build_optim(self, model: nn.Module) -> OptimWrapper:
        with building_errors(self.options.name):
            return build_optim_wrapper(model, plain_optimizer(self.cfg))

    def _method(self, name: str) -> Callable[..., Any]:
        """A method that not every model has."""
        if not hasattr(self.model, name):
            raise OptionError(
                f'{self.options.name}: {type(self.model).__name__} has no {name}(); measure it '
                'without (see --help)'
            )
        return getattr(self.model, name)

    def load_batch(self, batch_size: int) -> None:
        """Puts a batch of made-up objects on the device."""
        self.batch_size = batch_size
        batch = make_batch(self.crop_size, batch_size, self.options.frames)
        # Ahead of the measurement, as a loader with pinned memory does it.
        self.batch = self.model.data_preprocessor.cast_data(batch)

    def predict_once(self) -> None:
        """Predicts the batch."""
        self.model.eval()
        with torch.no_grad():
            data = self.model.data_preprocessor(self.batch, False)
            self.model(**data, mode='predict')

    def predict(self) -> float:
        """Predicts the batch, its parts on the clock, and returns the seconds it took."""
        self.clock.reset()
        with instrumented(self.model, self.clock):
            start = self.clock.now()
            self.predict_once()
            return self.clock.now() - start

    def count(self) -> None:
        """Counts operations and bytes of a prediction; also serves as warm-up."""
        weights = [*self.model.parameters(), *self.model.buffers()]
        with count_flops() as counter, TrafficCounter(weights) as traffic:
            self.clock.counter, self.clock.traffic = counter, traffic
            self.predict()
            self.total_flop = self.clock.counted()
            self.total_bytes, self.total_weight_bytes = self.clock.moved()
        self.clock.counter = self.clock.traffic = None
        self.gflop_per_object = self.total_flop / GIGA / self.batch_size
        self.flop, self.bytes = dict(self.clock.flop), dict(self.clock.bytes)
        self.weight_bytes, self.calls = dict(self.clock.weight_bytes), dict(self.clock.calls)

    def count_train(self) -> None:
        """Counts the operations of a training step.

        Raises:
            UserError: The optimizer cannot be built from the config.
        """
        model = self._trained()
        self._build_optim(model)  # so that its mistakes come up here, and not in the first step
        with count_flops() as counter:
            self._loss(model).backward()
            flop = float(counter.get_total_flops())
        self.train_gflop_per_sample = flop / GIGA / self.batch_size
        self.forget_training()

    def compile(self) -> None:
        """Compiles the parts, and keeps the seconds of the first prediction in ``compile_seconds``.

        Raises:
            OptionError: The model has no parts that can be compiled.
        """
        start = self.clock.now()
        self._method('compile_parts')()
        self.predict()
        self.compile_seconds = self.clock.now() - start
        self.predict()  # nothing is left to compile in the first round

    def measure(self) -> None:
        """Takes the time of one prediction and its parts."""
        total = self.predict()
        seconds = dict(self.clock.seconds)
        seconds[OTHER] = max(0.0, total - sum(seconds.values()))
        seconds['total'] = total
        self.rounds.append({name: value / self.batch_size for name, value in seconds.items()})

    def _trained(self) -> nn.Module:
        """The model that is trained: one of its own, neither optimized nor compiled."""
        if self.trainee is None:
            self.trainee = self._build()
        return self.trainee.train()

    def _loss(self, model: Any) -> Tensor:
        data = model.data_preprocessor(self.batch, True)
        losses = model(**data, mode='loss')
        return model.parse_losses(losses)[0]

    def train_once(self) -> None:
        """Takes one training step."""
        model = self._trained()
        if self.optim is None:
            self.optim = self._build_optim(model)
        self.optim.update_params(self._loss(model))

    def forget_training(self) -> None:
        """Frees the model that is trained, and what its optimizer remembers."""
        self.trainee = self.optim = None

    def train_step(self) -> float:
        """Takes one training step and returns its seconds."""
        start = self.clock.now()
        self.train_once()
        return self.clock.now() - start

    def drawn_masks(self, count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Completes objects of drawn scenes.

        Args:
            count: Objects.

        Returns:
            Predicted and true amodal masks, bool (T, H, W) and (H, W).
        """
        found, truths = [], []
        self.model.eval()
        for batch, true_masks in drawn_batches(self.cfg, count, self.options.frames):
            with torch.no_grad():
                samples = self.model.test_step(batch)
            found += [np.asarray(sample.pred_masks.amodal.cpu()) for sample in samples]
            truths += true_masks
        return found, truths

    def result(self, peaks: Mapping[str, float], bandwidth: float, memory: float) -> dict[str, Any]:
        """Returns the entry of the JSON file; all numbers but the peaks are those of one object.

        Args:
            peaks: GFLOP/s of a matrix product by dtype: that of this model, and ``float32``.
            bandwidth: GB/s of a large copy.
            memory: Peak memory of a prediction of one batch in MB.
        """
        objects, options = self.batch_size, self.options
        peak = peaks[options.dtype]
        parts = self._parts(peaks, bandwidth)
        total = parts.pop('total')
        train = statistics.median(self.train_seconds) if self.train_seconds else None
        train_gflop = self.train_gflop_per_sample
        return dict(
            seconds_per_object=total['seconds'],
            seconds_per_frame=total['seconds'] / options.frames,
            gflop_per_object=total['gflop'],
            bytes_per_object=total['bytes'],
            megabytes_per_object=total['megabytes'],
            flop_per_byte=total['flop_per_byte'],
            parts=parts,
            peak_gflop_per_second=peak,
            peak_gigabytes_per_second=bandwidth,
            fraction_of_peak=total['fraction_of_peak'],
            fraction_of_bandwidth=total['fraction_of_bandwidth'],
            peak_memory_mb=memory,
            train_seconds_per_sample=train,
            train_gflop_per_sample=train_gflop,
            train_fraction_of_peak=train_gflop / train / peak if train and train_gflop else None,
            compile_seconds=self.compile_seconds,
            batch_size=objects,
            frames=options.frames,
            dtype=options.dtype,
            optimized=options.optimize,
            compiled=options.compile,
            checkpoint=options.checkpoint,
            repeats=len(self.rounds),
            crop_size=list(self.crop_size),
            parameters=self.parameters,
            environment=environment(self.device),
        )

    def _parts(self, peaks: Mapping[str, float], bandwidth: float) -> dict[str, dict[str, Any]]:
        """What one object costs in each part, in what is left, and in total."""
        names = list(self.flop)
        seconds = {name: self.seconds(name) for name in names}
        total = self.seconds('total')
        books = [
            (self.flop, self.total_flop),
            (self.bytes, self.total_bytes),
            (self.weight_bytes, self.total_weight_bytes),
        ]
        costs = {name: [book[name] for book, _ in books] for name in names}
        costs[OTHER] = [whole - sum(book.values()) for book, whole in books]
        costs['total'] = [whole for _, whole in books]
        seconds[OTHER] = max(0.0, total - sum(seconds.values()))
        seconds['total'] = total
        parts = {}
        for name, cost in costs.items():
            shares = [value / self.batch_size for value in cost]
            peak = peaks[self._dtype_of(name)]
            entry = part_entry(seconds[name], *shares, peak=peak, bandwidth=bandwidth)
            parts[name] = dict(entry, calls=self.calls.get(name, 1))
        return parts

    def _dtype_of(self, part: str) -> str:
        """The dtype of most products of a part, or of the ``total``."""
        dtype = self.options.dtype
        if part not in CONDITION or self.model.test_cfg.condition_autocast:
            return dtype
        return 'float32'

    def seconds(self, name: str) -> float:
        """Returns the median seconds of a part, or of the ``total``, for one object."""
        return statistics.median(one[name] for one in self.rounds)


def part_entry(
    seconds: float,
    flop: float,
    moved: float,
    weights: float,
    peak: float,
    bandwidth: float,
) -> dict[str, Any]:
    """Returns what one object costs in a part.

    Args:
        seconds: Its time.
        flop: Operations.
        moved: Bytes read and written.
        weights: Those of weights among them.
        peak: GFLOP/s of a matrix product in the dtype of the part.
        bandwidth: GB/s of a copy.
    """
    gflop, gigabytes = flop / GIGA, moved / GIGA
    intensity = flop / moved if moved else 0.0
    return dict(
        seconds=seconds,
        gflop=gflop,
        bytes=moved,
        megabytes=moved / MEGA,
        weight_megabytes=weights / MEGA,
        flop_per_byte=intensity,
        fraction_of_peak=gflop / seconds / peak if seconds else 0.0,
        fraction_of_bandwidth=gigabytes / seconds / bandwidth if seconds else 0.0,
        # Which of the two would take longer, each at the peak of the machine.
        bound='products' if intensity > peak / bandwidth else 'memory',
    )


def plain_optimizer(cfg: Config) -> dict[str, Any]:
    """Returns the optimizer wrapper of a config without AMP, which is the dtype's business here."""
    wrapper = dict(cfg.optim_wrapper)
    wrapper['type'] = 'OptimWrapper'
    wrapper.pop('loss_scale', None)
    wrapper.pop('dtype', None)
    return wrapper


def measure_memory(options: SubjectOptions) -> float:
    """Returns the peak memory in MB of a fresh process that predicts one batch.

    On a GPU it is the memory that torch allocated there, else the resident memory of the process.

    Args:
        options: What is measured.

    Raises:
        UserError: That process was killed; an error inside it is raised as it is.
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            with _interrupts_ignored():  # by that process, which inherits this
                future = pool.submit(_memory_of_one, options, torch.get_num_threads())
            return future.result()
        except BrokenProcessPool as error:
            raise UserError(
                f'The memory of {options.name} could not be measured: the process that predicted '
                'with it was ended from outside, as it happens when the machine has too little.'
            ) from error


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _memory_of_one(options: SubjectOptions, threads: int) -> float:
    keep_freed_memory()
    torch.set_num_threads(threads)
    MMLogger.get_instance('c2fseg', log_level='WARNING')
    subject = Subject(options)
    if options.compile:
        subject.compile()
    subject.predict()
    if subject.device.type != 'cuda':
        return resident_peak_mb()
    return torch.cuda.max_memory_allocated(subject.device) / MEGA
