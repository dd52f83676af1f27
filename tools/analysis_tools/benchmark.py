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
measured in the same run. "bound by" names what of the two would take a part longer. Interrupted
(Ctrl-C), the command reports the rounds that all models have had by then.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MMLogger

from c2fseg.apis.init_model import find_device
from c2fseg.benchmarking.comparison import agreement, compare
from c2fseg.benchmarking.measure import environment
from c2fseg.benchmarking.options import DTYPES, SubjectOptions, list_subjects, parse_variant
from c2fseg.benchmarking.peaks import MachinePeaks
from c2fseg.benchmarking.reference import compare_with_reference
from c2fseg.benchmarking.subject import Subject, measure_memory
from c2fseg.benchmarking.tables import format_ratios, format_reference, format_result
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import INTERRUPTED, one_sentence_errors
from c2fseg.utils.option_action import PairsAction


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
    add(
        '--compare-objects',
        type=int,
        default=48,
        help='objects whose final masks are compared where models have a checkpoint (default 48)',
    )
    add('--device', default='cpu', help='cpu, cuda, cuda:1 (default cpu)')
    add('--skip-train', action='store_true', help='measure prediction only')
    add('--cfg-options', nargs='+', action=PairsAction, metavar='K=V')
    args = parser.parse_args(argv)
    for name in ('batch_size', 'repeats', 'frames', 'threads', 'compare_objects'):
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


def prepare(subject: Subject, with_train: bool) -> None:
    """Counts the operations of a model and compiles it, where that is asked for."""
    subject.count()
    if with_train:
        subject.count_train()
    if subject.options.compile:  # afterwards: compiled code hides its operations from the counters
        subject.compile()


def measure_rounds(
    subjects: list[Subject], machine: MachinePeaks, args: argparse.Namespace
) -> None:
    """Measures all in turns, every second round backwards."""
    for number in range(args.repeats):
        machine.measure()
        for subject in subjects[:: -1 if number % 2 else 1]:
            subject.measure()
    if args.skip_train:
        return
    for number in range(args.repeats + 1):
        for subject in subjects[:: -1 if number % 2 else 1]:
            seconds = subject.train_step() / subject.batch_size
            if number > 0:  # the first step warms up
                subject.train_seconds.append(seconds)


def keep_full_rounds(subjects: list[Subject]) -> tuple[int, int]:
    """Drops what a round that was broken off has given to some of the models.

    Returns:
        The rounds and the training steps that are left of each model.
    """
    rounds = min(len(subject.rounds) for subject in subjects)
    steps = min(len(subject.train_seconds) for subject in subjects)
    for subject in subjects:
        del subject.rounds[rounds:], subject.train_seconds[steps:]
    return rounds, steps


def run(args: argparse.Namespace) -> tuple[dict[str, Any], str | None]:
    """Measures.

    Returns:
        One entry for each model, and a sentence about what was measured where an interrupt ended
        the measurement.

    Raises:
        KeyboardInterrupt: It came before all models had been measured once.
    """
    # All are built before one is counted: mistakes come up first.
    subjects = [Subject(options) for options in subject_options(args)]
    for subject in subjects:
        prepare(subject, not args.skip_train)
    first, *others = subjects
    agreements = {}
    trained = [other for other in others if first.options.checkpoint and other.options.checkpoint]
    if trained:
        ours, truths = first.drawn_masks(args.compare_objects)
    for other in trained:
        theirs, _ = other.drawn_masks(args.compare_objects)
        agreements[other.options.name] = agreement(ours, theirs, truths)
    memory = [measure_memory(subject.options) for subject in subjects]
    dtypes = sorted({subject.options.dtype for subject in subjects} | {'float32'})
    machine, interrupted = MachinePeaks(torch.device(args.device), dtypes), None
    try:
        measure_rounds(subjects, machine, args)
    except KeyboardInterrupt:
        rounds, steps = keep_full_rounds(subjects)
        if not rounds:
            raise
        interrupted = f'interrupted: the report is on {rounds} of {args.repeats} rounds' + (
            '' if args.skip_train else f' and {steps} of {args.repeats} training steps'
        )
    results: dict[str, Any] = {}
    for subject, megabytes in zip(subjects, memory):
        result = subject.result(machine.peaks, machine.bandwidth, megabytes)
        if args.frames == 1:
            result['reference'] = compare_with_reference(
                result['seconds_per_object'],
                result['train_seconds_per_sample'],
                machine.peaks['float32'],
            )
        results[subject.options.name] = result
    for other in others:
        name = other.options.name
        results[name]['ratios'] = dict(
            compare(first, other, results), agreement=agreements.get(name)
        )
    return results, interrupted


def print_results(results: dict[str, Any], device: torch.device) -> None:
    """Prints all tables."""
    print(', '.join(f'{key} {value}' for key, value in environment(device).items()))
    for name, result in results.items():
        print('\n' + format_result(name, result))
    for name, result in results.items():
        if 'ratios' in result:
            print('\n' + format_ratios(name, result['ratios'], result['repeats']))
    reference = format_reference(results)
    if reference:
        print('\n' + reference)


def main(argv: list[str] | None = None) -> int:
    """Measures as the command line says; returns the exit status."""
    args = parse_args(argv)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    MMLogger.get_instance('c2fseg', log_level='WARNING')
    with one_sentence_errors(ValueError):
        check_writable(args.json)
        try:
            results, interrupted = run(args)
        except KeyboardInterrupt:
            print('error: interrupted before a full round, nothing to report', file=sys.stderr)
            return INTERRUPTED
        if interrupted is not None:
            print(interrupted, file=sys.stderr)
        print_results(results, torch.device(args.device))
        if args.json is not None:
            write_whole(args.json, (json.dumps(results, indent=2) + '\n').encode())
            print(f'\nWritten to {args.json}')
    return 0 if interrupted is None else INTERRUPTED


if __name__ == '__main__':
    keep_freed_memory()
    sys.exit(main())
