"""Measures the whole way of a picture, from its file to the masks of its objects.

    python tools/analysis_tools/benchmark_inference.py
    python tools/analysis_tools/benchmark_inference.py --model c2f_kins --random --precision float32
    python tools/analysis_tools/benchmark_inference.py --images photos/*.jpg --masks visible.json

Everything that AmodalInferencer does for a call counts: reading and checking the files, cropping,
the model, pasting, run-length encoding. Pictures come one in a call (what a robot does) and all in
one call (batches over objects of several pictures). Without --images they are made: 1242 x 375 px
with the noise of a photograph. Medians of the rounds; the first call of each kind warms up.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from c2fseg.apis import AmodalInferencer, init_model
from c2fseg.apis.inference_model import PRECISIONS
from c2fseg.apis.model_files import GENERAL_MODEL
from c2fseg.benchmarking.made_data import make_data
from c2fseg.benchmarking.measure import PartClock, environment, instrumented
from c2fseg.models.segmentors import C2FSeg
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import one_sentence_errors


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--model', default=GENERAL_MODEL, help='config or name of a recipe (%(default)s)')
    add('--weights', help='checkpoint (default: those that ship)')
    add('--random', action='store_true', help='random weights: speed alone is asked for')
    add('--precision', choices=PRECISIONS, help="of the arithmetic (default: the config's)")
    add('--images', nargs='+', metavar='FILE', help='pictures (default: made ones)')
    add('--masks', metavar='FILE.json', help='their visible masks; needed with --images')
    add('--made', type=int, default=8, metavar='N', help='pictures to make (%(default)s)')
    add('--objects', type=int, default=10, help='objects of a made picture (%(default)s)')
    add('--format', choices=('jpg', 'png'), default='jpg', help='of made ones (%(default)s)')
    add('--batch-size', type=int, default=8, help='objects that the model sees at once')
    add('--rounds', type=int, default=3, help='rounds of measurement (%(default)s)')
    add('--device', help='cpu, cuda, cuda:1 (default: a GPU when there is one)')
    add('--threads', type=int, help="CPU threads (default: torch's choice)")
    add('--json', type=Path, metavar='FILE', help='write the measurements here')
    args = parser.parse_args(arguments)
    for name in ('made', 'objects', 'batch_size', 'rounds', 'threads'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1, got {value}')
    if (args.images is None) != (args.masks is None):
        parser.error('--images and --masks belong together: give both, or neither for made ones')
    if args.random and args.weights:
        parser.error('--random means random weights: leave --weights out')
    return args


def build_inferencer(args: argparse.Namespace) -> AmodalInferencer:
    """The inferencer as the command line asks for it."""
    if not args.random:
        return AmodalInferencer(args.model, args.weights, args.device, precision=args.precision)
    options: dict[str, Any] = {}
    if args.precision is not None:
        autocast = None if args.precision == 'float32' else args.precision
        options['model.test_cfg.autocast'] = autocast
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    model = init_model(args.model, device=device, cfg_options=options)
    return AmodalInferencer(model.optimize_for_inference() if isinstance(model, C2FSeg) else model)


def measure(
    call: Callable[[], int], model: torch.nn.Module, device: torch.device, rounds: int
) -> dict[str, Any]:
    """Time a call.

    Args:
        call: Completes pictures and returns how many objects there were.
        model: Its parts are timed too.
        device: Where it runs.
        rounds: Measured calls, after one that warms up.

    Returns:
        ``objects``, ``seconds`` (median) and ``model_seconds`` (of the parts of the model).
    """
    clock = PartClock(device)
    seconds, inside, objects = [], [], call()
    for _ in range(rounds):
        clock.reset()
        with instrumented(model, clock):
            start = clock.now()
            call()
            seconds.append(clock.now() - start)
        inside.append(sum(value for name, value in clock.seconds.items() if name != 'paste'))
    return dict(
        objects=objects,
        seconds=statistics.median(seconds),
        model_seconds=statistics.median(inside),
    )


def run(args: argparse.Namespace, images: list[str], masks: str) -> dict[str, Any]:
    """Measures both kinds of call; the entry of the JSON file."""
    start = time.perf_counter()
    inferencer = build_inferencer(args)
    loading = time.perf_counter() - start
    model = inferencer.model
    device = next(model.parameters()).device

    def complete(paths: list[str]) -> int:
        found = inferencer(
            paths, masks, batch_size=args.batch_size, progress=False, return_arrays=False
        )
        return sum(len(picture['objects']) for picture in found['predictions'])

    kinds = {
        'one picture a call': lambda: sum(complete([path]) for path in images),
        'all in one call': lambda: complete(images),
    }
    calls = {name: measure(call, model, device, args.rounds) for name, call in kinds.items()}
    return dict(
        model=str(args.model),
        precision=getattr(model.test_cfg, 'autocast', None) or 'float32',
        pictures=len(images),
        batch_size=args.batch_size,
        loading_seconds=loading,
        calls=calls,
        environment=environment(device),
    )


def format_result(result: dict[str, Any]) -> str:
    """The measurements as text."""
    machine = result['environment']
    lines = [
        f'{machine["processor"]}, {machine["threads"]} threads, torch {machine["torch"]}',
        f'{result["model"]}, {result["precision"]}, batch {result["batch_size"]}, '
        f'{result["pictures"]} pictures; building and loading the model took '
        f'{result["loading_seconds"]:.2f} s',
        f'{"":20}{"s/picture":>11}{"ms/object":>11}{"of it model":>13}{"objects/s":>11}',
    ]
    for name, call in result['calls'].items():
        each = call['seconds'] / max(call['objects'], 1)
        lines.append(
            f'{name:20}{call["seconds"] / result["pictures"]:11.3f}{each * 1e3:11.1f}'
            f'{call["model_seconds"] / call["seconds"]:13.0%}{1 / each:11.1f}'
        )
    return '\n'.join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures as the command line says."""
    args = parse_args(arguments)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    with one_sentence_errors(ValueError, TypeError, KeyError), tempfile.TemporaryDirectory() as tmp:
        check_writable(args.json)
        images, masks = args.images, args.masks
        if images is None:
            folder = Path(tmp)
            make_data(folder, args.made, args.objects, seed=0, suffix=args.format)
            images = [str(path) for path in sorted(folder.glob(f'*.{args.format}'))]
            masks = str(folder / 'made.json')
        result = run(args, images, masks)
        print(format_result(result))
        if args.json is not None:
            write_whole(args.json, (json.dumps(result, indent=2) + '\n').encode())


if __name__ == '__main__':
    keep_freed_memory()
    main()
