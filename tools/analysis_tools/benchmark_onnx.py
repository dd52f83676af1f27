"""Measures an exported model against the model in torch, in turns, in one process.

    python tools/analysis_tools/benchmark_onnx.py configs/c2f_general.py weights/c2f_general.pth \
        outputs/general_onnx --batch-size 8

Both complete the same random crops with the same seeds, from the crop to its probabilities: that
is ``C2FSeg.complete`` with the scaling of the pictures, and ``OnnxC2FSeg.complete_crops``. Rounds
alternate, so that a busy machine slows both alike; medians are printed, and the greatest difference
between the probabilities.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from c2fseg.apis import init_model
from c2fseg.benchmarking.measure import environment
from c2fseg.export import OnnxC2FSeg
from c2fseg.export.parts import example_inputs
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.hashing import hash_file
from c2fseg.utils.launch import one_sentence_errors


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Time torch and onnxruntime in turns.')
    parser.add_argument('config', metavar='CONFIG', help='config file, or name of a recipe')
    parser.add_argument('weights', metavar='WEIGHTS', help='the checkpoint that was exported')
    parser.add_argument('folder', metavar='FOLDER', help='what export_onnx.py wrote')
    parser.add_argument('--batch-size', type=int, default=8, help='objects at a time (default 8)')
    parser.add_argument('--repeats', type=int, default=10, help='rounds (default 10)')
    parser.add_argument('--threads', type=int, help="CPU threads of both (default: torch's choice)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the measurements here')
    args = parser.parse_args(arguments)
    for name in ('batch_size', 'repeats', 'threads'):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            option = '--' + name.replace('_', '-')
            parser.error(f'{option} must be at least 1, got {getattr(args, name)}')
    return args


def seconds_of(function: Callable[[], Any]) -> float:
    """Runs a function and returns the seconds it took."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Times both in turns.

    Returns:
        ``seconds_per_object`` and ``rounds`` (seconds of each) by ``torch`` and ``onnxruntime``,
        ``speedup`` (torch's seconds in units of the other's), ``greatest_difference`` of the
        probabilities, and what they depend on.

    Raises:
        ValueError: The folder was exported from other weights.
    """
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    model = init_model(args.config, args.weights)
    runtime = OnnxC2FSeg(args.folder, threads=torch.get_num_threads())
    source = runtime.manifest.weights
    if source is None or source['sha256'] != hash_file(Path(args.weights)):
        raise ValueError(
            f'{args.folder} was exported from {source["file"] if source else "random weights"}, '
            f'not from {args.weights}: export these first'
        )
    inputs = example_inputs(model, args.batch_size, runtime.manifest.num_frames)
    seeds = list(range(args.batch_size))

    def with_torch() -> dict[str, torch.Tensor]:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return model.complete(model.data_preprocessor(dict(inputs=inputs))['inputs'], generators)

    def with_onnxruntime() -> dict[str, np.ndarray]:
        return runtime.complete_crops(inputs['img'].numpy(), inputs['visible_mask'].numpy(), seeds)

    expected, found = with_torch(), with_onnxruntime()  # also warms both up
    difference = max(
        float(np.abs(value.numpy() - found[name]).max()) for name, value in expected.items()
    )
    rounds: dict[str, list[float]] = {'torch': [], 'onnxruntime': []}
    for _ in range(args.repeats):
        rounds['torch'].append(seconds_of(with_torch))
        rounds['onnxruntime'].append(seconds_of(with_onnxruntime))
    per_object = {
        name: statistics.median(values) / args.batch_size for name, values in rounds.items()
    }
    return dict(
        config=str(args.config),
        seconds_per_object=per_object,
        speedup=per_object['torch'] / per_object['onnxruntime'],
        greatest_difference=difference,
        rounds=rounds,
        batch_size=args.batch_size,
        frames=runtime.manifest.num_frames,
        dtype=runtime.manifest.dtype,
        repeats=args.repeats,
        environment=environment(torch.device('cpu')),
    )


def print_result(result: dict[str, Any]) -> None:
    """Prints what the JSON file holds."""
    where = result['environment']
    print(', '.join(f'{key} {value}' for key, value in where.items()))
    batch, repeats = result['batch_size'], result['repeats']
    print(f'{result["config"]}, batch {batch}, median of {repeats} rounds in turns:')
    for name, seconds in result['seconds_per_object'].items():
        print(f'{name:<14}{seconds:>10.4f} s an object')
    print(f'torch takes {result["speedup"]:.2f} times as long as onnxruntime')
    print(f'greatest difference of a probability: {result["greatest_difference"]:.1e}')


def main(arguments: list[str] | None = None) -> None:
    """Measures as the command line says."""
    args = parse_args(arguments)
    with one_sentence_errors(ImportError, KeyError, TypeError, ValueError):
        check_writable(args.json)
        result = measure(args)
        print_result(result)
        if args.json is not None:
            write_whole(args.json, (json.dumps(result, indent=2) + '\n').encode())
            print(f'Written to {args.json}')


if __name__ == '__main__':
    keep_freed_memory()
    main()
