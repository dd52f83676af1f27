"""Measures what a model costs: seconds, GFLOP, bytes, memory, a training step, part by part.

    python tools/analysis_tools/benchmark.py configs/c2f_kins.py
    python tools/analysis_tools/benchmark.py A.py B.py --dtype bfloat16 --json outputs/speed.json
    python tools/analysis_tools/benchmark.py configs/c2f_general.py \
        --checkpoint weights/c2f_general.pth --variant bf16 dtype=bfloat16
    python tools/analysis_tools/benchmark.py configs/c2f_shapes_video.py --frames 24

Inputs are made up, of the crop size of the config, and weights are random without --checkpoint, so
no data is needed. With --frames an object is a clip, and all numbers are those of a clip.

Several configs, and variants of them, are measured in turns, so that a busy machine slows all of
them alike; medians over the rounds are printed, and the ratios of each to the first. A variant is
the same config under other options: dtype, optimize, compile, batch_size, checkpoint, or any key of
the config but autocast, which the dtype sets. Where the first and another have a checkpoint, their
final masks are compared too, on objects of drawn scenes.

GFLOP counts a multiplication and an addition as two; matrix products, convolutions and attention
are counted, element-wise work is not. MB are the bytes that the operations read and write, every
tensor once an operation: weights and activations. The peaks are a matrix product and a large copy,
measured in the same run. "bound by" names what of the two would take a part longer.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.logging import MMLogger

from c2fseg.apis.init_model import find_device
from c2fseg.benchmarking.comparison import AGREEMENT_OBJECTS, agreement, compare
from c2fseg.benchmarking.inputs import InputSizeError
from c2fseg.benchmarking.measure import environment
from c2fseg.benchmarking.options import (
    DTYPES,
    OptionError,
    SubjectOptions,
    list_subjects,
    parse_variant,
)
from c2fseg.benchmarking.peaks import measure_bandwidth, measure_peak
from c2fseg.benchmarking.reference import compare_with_reference
from c2fseg.benchmarking.subject import Subject, measure_memory
from c2fseg.benchmarking.subject_config import load_subject_config
from c2fseg.benchmarking.tables import format_ratios, format_reference, format_result
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.checkpoint import CheckpointError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description='Measure seconds, GFLOP, bytes and memory of a model, part by part.'
    )
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG', help='config file of a C2FSeg model')
    add('--batch-size', type=int, default=1, help='objects at a time (default 1)')
    add('--dtype', choices=sorted(DTYPES), default='float32')
    add('--compile', action='store_true', help='compile the parts of the models')
    add(
        '--no-optimize',
        dest='optimize',
        action='store_false',
        help='predict with the model as it is trained (default: optimized for inference)',
    )
    add('--checkpoint', metavar='FILE', help='weights (default: random ones)')
    add(
        '--variant',
        nargs='+',
        action='append',
        default=[],
        metavar=('NAME', 'K=V'),
        help='measure each config under other options too: dtype=, optimize=, compile=, '
        'batch_size=, checkpoint=, or keys of the config; may come several times',
    )
    add('--json', type=Path, metavar='FILE', help='write the measurements here')
    add('--threads', type=int, help="CPU threads (default: torch's choice)")
    add('--repeats', type=int, default=3, help='rounds of measurement (default 3)')
    add('--frames', type=int, default=1, help='frames of a clip (default 1)')
    add('--device', default='cpu', help='cpu, cuda, cuda:1 (default cpu)')
    add('--skip-train', action='store_true', help='measure prediction only')
    add('--cfg-options', nargs='+', action=mmengine.DictAction, metavar='K=V')
    args = parser.parse_args(argv)
    for name in ('batch_size', 'repeats', 'frames', 'threads'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1, got {value}')
    try:
        args.variant = [parse_variant(words) for words in args.variant]
        find_device(args.device)
    except ValueError as error:
        parser.error(str(error))
    return args


def subject_options(args: argparse.Namespace) -> list[SubjectOptions]:
    """Returns what the command line asks to measure."""
    return list_subjects(
        args.configs,
        args.variant,
        batch_size=args.batch_size,
        frames=args.frames,
        dtype=args.dtype,
        device=args.device,
        optimize=args.optimize,
        compile=args.compile,
        checkpoint=args.checkpoint,
        cfg_options=dict(args.cfg_options or {}),
    )


def prepare(options: SubjectOptions, with_train: bool) -> Subject:
    """Builds a model, counts its operations and compiles it, where that is asked for."""
    subject = Subject(options)
    subject.count()
    if with_train:
        subject.count_train()
    if options.compile:  # afterwards: compiled code hides its operations from the counters
        subject.compile()
    return subject


def measure_rounds(
    subjects: list[Subject], args: argparse.Namespace
) -> tuple[dict[str, float], float]:
    """Measures all in turns, every second round backwards.

    Returns:
        GFLOP/s of a matrix product by dtype, and GB/s of a copy: the best of all rounds.
    """
    device = torch.device(args.device)
    dtypes = sorted({subject.options.dtype for subject in subjects} | {'float32'})
    peaks, bandwidth = dict.fromkeys(dtypes, 0.0), 0.0
    for number in range(args.repeats):
        for dtype in dtypes:
            peaks[dtype] = max(peaks[dtype], measure_peak(device, DTYPES[dtype]))
        bandwidth = max(bandwidth, measure_bandwidth(device))
        for subject in subjects[:: -1 if number % 2 else 1]:
            subject.measure()
    if not args.skip_train:
        for number in range(args.repeats + 1):
            for subject in subjects[:: -1 if number % 2 else 1]:
                seconds = subject.train_step() / subject.batch_size
                if number > 0:  # the first step warms up
                    subject.train_seconds.append(seconds)
    return peaks, bandwidth


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measures and returns one entry for each model."""
    wanted = subject_options(args)
    for options in wanted:
        load_subject_config(options)  # mistakes come up before anything is measured
    subjects = [prepare(options, not args.skip_train) for options in wanted]
    first = subjects[0]
    agreements = {}
    for other in subjects[1:]:
        if first.options.checkpoint and other.options.checkpoint:
            (ours, truths), (theirs, _) = (s.drawn_masks(AGREEMENT_OBJECTS) for s in (first, other))
            agreements[other.options.name] = agreement(ours, theirs, truths)
    peaks, bandwidth = measure_rounds(subjects, args)
    results: dict[str, Any] = {}
    for subject in subjects:
        memory = measure_memory(subject.options)
        result = subject.result(peaks[subject.options.dtype], bandwidth, memory)
        if args.frames == 1:
            result['reference'] = compare_with_reference(
                result['seconds_per_object'], result['train_seconds_per_sample'], peaks['float32']
            )
        results[subject.options.name] = result
    for other in subjects[1:]:
        name = other.options.name
        results[name]['ratios'] = dict(
            compare(first, other, results), agreement=agreements.get(name)
        )
    return results


def main(argv: list[str] | None = None) -> None:
    """Measures as the command line says."""
    args = parse_args(argv)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    MMLogger.get_instance('c2fseg', log_level='WARNING')
    try:
        results = run(args)
    except (CheckpointError, FileNotFoundError, InputSizeError, OptionError) as error:
        sys.exit(f'error: {error}')
    where = environment(torch.device(args.device))
    print(', '.join(f'{key} {value}' for key, value in where.items()))
    for name, result in results.items():
        print('\n' + format_result(name, result))
    for name, result in results.items():
        if 'ratios' in result:
            print('\n' + format_ratios(name, result['ratios'], args.repeats))
    reference = format_reference(results)
    if reference:
        print('\n' + reference)
    if args.json is not None:
        write_whole(args.json, (json.dumps(results, indent=2) + '\n').encode())
        print(f'\nWritten to {args.json}')


if __name__ == '__main__':
    keep_freed_memory()
    main()
