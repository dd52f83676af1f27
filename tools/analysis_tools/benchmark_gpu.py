"""Measures how many objects and clips a GPU completes and learns from in a second.

    python tools/analysis_tools/benchmark_gpu.py
    python tools/analysis_tools/benchmark_gpu.py configs/c2f_kins.py --batch-sizes 64 --skip-video
    python tools/analysis_tools/benchmark_gpu.py --check-sync
    python tools/analysis_tools/benchmark_gpu.py configs/c2f_general.py --device cpu --batch-sizes 2

Weights are random and inputs made up, so neither checkpoints nor data are needed. A row is a
config, a dtype, a batch size and a way of running (eager or compiled): predictions go to masks at
image size; training steps run in mixed precision at the largest batch that fits. The GPU is waited
for at the ends of a measured region alone, and its matrix product is measured beside every row.
Too little memory is a row too. benchmark_gpu.md and benchmark_gpu.json in --out-dir are rewritten
after each row, so a run that is ended keeps what it has; rows that --max-minutes leaves no time for
are listed as skipped. Parts and bytes are benchmark.py's business.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.logging import MMLogger
from torch._dynamo.exc import TorchDynamoException

from c2fseg.apis.init_model import find_device
from c2fseg.benchmarking.gpu_tables import format_page, format_row
from c2fseg.benchmarking.measure import environment
from c2fseg.benchmarking.options import DTYPES, SubjectOptions
from c2fseg.benchmarking.subject import Subject
from c2fseg.benchmarking.subject_config import load_subject_config
from c2fseg.benchmarking.throughput import (
    OUT_OF_MEMORY,
    find_wait,
    free_memory,
    predict_row,
    train_row,
)
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import one_sentence_errors
from c2fseg.utils.option_action import PairsAction

CONFIGS = ('configs/c2f_kins.py', 'configs/lite/c2f_kins.py', 'configs/c2f_general.py')
VIDEO_CONFIGS = ('configs/c2f_movid_a.py', 'configs/c2f_shapes_video.py')
MODES = ('eager', 'compiled')
PAGE_FILE, JSON_FILE = 'benchmark_gpu.md', 'benchmark_gpu.json'
SKIPPED = 'skipped: no time left of --max-minutes'
NO_GPU = (
    'error: benchmark_gpu.py needs a CUDA GPU, and torch finds none on this machine; for a dry run '
    'on the processor: --device cpu --batch-sizes 1 2'
)


class Job(NamedTuple):
    """Rows that share one model.

    Attributes:
        kind: ``image`` or ``video``.
        options: The model.
        mode: One of ``MODES``.
        batch_sizes: Of the predictions.
        train_batch_sizes: Tried for training, the largest first; empty for none.
    """

    kind: str
    options: SubjectOptions
    mode: str
    batch_sizes: Sequence[int]
    train_batch_sizes: Sequence[int] = ()


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description='Measure objects, training samples and clips a second on a GPU.'
    )
    add = parser.add_argument
    add('configs', nargs='*', metavar='CONFIG', help=f'image models; default: {" ".join(CONFIGS)}')
    add('--video-configs', nargs='+', default=VIDEO_CONFIGS, metavar='CONFIG', help='video models')
    add('--batch-sizes', type=_count, nargs='+', default=[1, 16, 64, 256], metavar='N')
    add(
        '--train-batch-sizes',
        type=_count,
        nargs='+',
        default=[256, 128, 64, 32, 16, 8, 4],
        metavar='N',
        help='tried from the largest; the first that fits is measured',
    )
    add('--dtypes', nargs='+', choices=sorted(DTYPES), default=['bfloat16', 'float32'])
    add('--modes', nargs='+', choices=MODES, default=list(MODES))
    add('--compiled-dtypes', nargs='+', choices=sorted(DTYPES), default=['bfloat16'])
    add('--frames', type=_count, nargs='+', default=[12, 24], metavar='T', help='of a clip')
    add('--clips', type=_count, nargs='+', default=[1, 8], metavar='N', help='clips at a time')
    add('--seconds', type=_positive, default=1.5, help='measured time of a row (default 1.5)')
    add('--max-minutes', type=_positive, default=8.0, help='no row starts later (default 8)')
    add('--skip-train', action='store_true')
    add('--skip-video', action='store_true')
    add(
        '--cfg-options',
        nargs='+',
        action=PairsAction,
        default={},
        metavar='K=V',
        help='of all models',
    )
    add('--device', default='cuda', help='cuda, cuda:1; cpu for a dry run (default cuda)')
    add('--out-dir', type=Path, default=Path('outputs/benchmark_gpu'), metavar='DIR')
    add('--check-sync', action='store_true', help='only look for waits for the GPU, then end')
    args = parser.parse_args(argv)
    args.configs = args.configs or list(CONFIGS)
    return args


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'expected at least 1, got {value}')
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:  # nan, too
        raise argparse.ArgumentTypeError(f'expected a number above 0, got {text}')
    return value


def list_jobs(args: argparse.Namespace) -> list[Job]:
    """Returns what is measured, what matters most first: compiling takes longest."""
    jobs = []
    for mode in (mode for mode in MODES if mode in args.modes):
        dtypes = args.dtypes if mode == 'eager' else args.compiled_dtypes
        for dtype in dtypes:
            for config in args.configs:
                options = replace(subject_options(config, dtype, args), compile=mode == 'compiled')
                # Mixed precision: what training on a GPU runs in.
                trains = mode == 'eager' and dtype == 'bfloat16' and not args.skip_train
                sizes = sorted(args.train_batch_sizes, reverse=True) if trains else []
                jobs.append(Job('image', options, mode, sorted(args.batch_sizes), sizes))
            if args.skip_video or (mode, dtype) != ('eager', 'bfloat16'):
                continue
            for config in args.video_configs:
                options = subject_options(config, dtype, args)
                for frames in args.frames:
                    clip = replace(options, frames=frames)
                    jobs.append(Job('video', clip, mode, sorted(args.clips)))
    return jobs


def subject_options(config: str, dtype: str, args: argparse.Namespace) -> SubjectOptions:
    """Returns what all rows of a model and a dtype share."""
    return SubjectOptions(
        config, config, dtype=dtype, device=args.device, cfg_options=dict(args.cfg_options)
    )


def try_models(jobs: Sequence[Job]) -> None:
    """Builds the model of each config once: mistakes come up before anything is measured.

    Raises:
        UserError, ConfigError, ValueError: A model cannot be built or measured, see
            :class:`Subject`.
    """
    for job in jobs:
        load_subject_config(job.options)
    for options in {job.options.config: job.options for job in jobs}.values():
        Subject(replace(options, device='cpu'))


def measure_job(job: Job, seconds: float, deadline: float) -> Iterator[dict[str, Any]]:
    """Measures the rows of a job, one after the other.

    Args:
        job: The job.
        seconds: Measured time of a row.
        deadline: Value of ``time.monotonic`` after which no row is measured.

    Yields:
        Rows.
    """
    options = job.options
    start = dict(
        kind=job.kind,
        config=options.config,
        dtype=options.dtype,
        mode=job.mode,
        frames=options.frames,
    )
    trials = [('predict', size) for size in job.batch_sizes]
    trials += [('train', size) for size in job.train_batch_sizes]
    subject: Subject | None = None
    failure: str | None = None
    for task, size in trials:
        row = dict(start, task=task, batch_size=size)
        if failure is None and time.monotonic() > deadline:
            failure = SKIPPED
        if failure is None and subject is None:
            subject, failure = prepare_or_say_why(options, bool(job.train_batch_sizes))
        if subject is None or failure is not None:
            row['status'] = failure
        else:
            measure = predict_row if task == 'predict' else train_row
            row.update(measure(subject, size, seconds))
        yield row
        if task == 'train' and row['status'] != OUT_OF_MEMORY:
            break
    subject = None
    free_memory()


def prepare_or_say_why(
    options: SubjectOptions, with_train: bool
) -> tuple[Subject | None, str | None]:
    """Prepares a model, or returns why there is none: the rows of other models are still wanted."""
    try:
        return prepare(options, with_train), None
    except torch.OutOfMemoryError:
        return None, OUT_OF_MEMORY
    except TorchDynamoException as error:
        return None, f'not compiled: {str(error).strip().splitlines()[0][:120]}'


def prepare(options: SubjectOptions, with_train: bool = False) -> Subject:
    """Builds a model, counts its operations at a batch of one, and has it compiled."""
    subject = Subject(options)
    subject.count()
    if with_train:
        subject.count_train()
    if options.compile:
        subject.compile()
    return subject


def check_sync(args: argparse.Namespace) -> int:
    """Looks for waits for the GPU in one prediction of each config; returns the exit status."""
    waits = 0
    for config in args.configs:
        for dtype in args.dtypes:
            subject = prepare(replace(subject_options(config, dtype, args), batch_size=4))
            where = find_wait(subject)
            waits += where is not None
            print(f'{config}, {dtype}: ' + (where or 'no wait for the GPU up to the pasting'))
    return 1 if waits else 0


def main(argv: list[str] | None = None) -> int:
    """Measures as the command line says; returns the exit status."""
    args = parse_args(argv)
    on_gpu = args.device.startswith('cuda')
    if on_gpu and not torch.cuda.is_available():
        sys.exit(NO_GPU)
    if args.check_sync and not on_gpu:
        sys.exit('error: --check-sync looks for waits for a GPU, and --device is none')
    MMLogger.get_instance('c2fseg', log_level='WARNING')
    with one_sentence_errors(ValueError):
        device = find_device(args.device)
        if not args.check_sync:
            check_writable(args.out_dir / PAGE_FILE, args.out_dir / JSON_FILE)
        jobs = list_jobs(args)
        try_models(jobs)
        if args.check_sync:
            return check_sync(args)
        measure_jobs(jobs, device, args)
    print(f'Written to {args.out_dir / PAGE_FILE} and {JSON_FILE} beside it')
    return 0


def measure_jobs(jobs: Sequence[Job], device: torch.device, args: argparse.Namespace) -> None:
    """Measures all rows, prints and writes each."""
    page: dict[str, Any] = dict(
        environment=environment(device), cfg_options=dict(args.cfg_options), rows=[]
    )
    begin = time.monotonic()
    deadline = begin + 60 * args.max_minutes
    for job in jobs:
        for row in measure_job(job, args.seconds, deadline):
            page['rows'].append(row)
            page['minutes'] = (time.monotonic() - begin) / 60
            print(format_row(row), flush=True)
            write_page(page, args.out_dir)


def write_page(page: dict[str, Any], folder: Path) -> None:
    """Writes all rows so far, as JSON and as a page of tables."""
    write_whole(folder / JSON_FILE, (json.dumps(page, indent=2) + '\n').encode())
    write_whole(folder / PAGE_FILE, format_page(page).encode())


if __name__ == '__main__':
    keep_freed_memory()
    sys.exit(main())
