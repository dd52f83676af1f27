"""Measures what it costs to load one object, and which steps of the pipeline it goes to.

    python tools/analysis_tools/benchmark_loading.py configs/c2f_kins.py --made
    python tools/analysis_tools/benchmark_loading.py configs/c2f_kins.py --split val --num 400
    python tools/analysis_tools/benchmark_loading.py configs/c2f_kins.py --made --order random
    python tools/analysis_tools/benchmark_loading.py configs/c2f_kins.py --made --format jpg \
        --workers 2

Objects are loaded in this process, one after another, in the order of the config's sampler (or
another, by --order). With --made the config's pipeline runs on pictures that are made for it: PNG
or JPEG of 1242 x 375 px with the noise of a photograph, four objects each, in a KINS 2020 file.
With --workers the config's loader then runs as in training, with that many processes (0: in this
one), and the objects that arrive in a second of wall time are counted: leave the machine alone
meanwhile. Times are
CPU time of this process, so other programs disturb them little; the best and the median of the
rounds are printed. What the operating system keeps of the files is not flushed, so the speed of
the disk is not part of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from c2fseg.benchmarking.made_data import make_data
from c2fseg.datasets import SampleDraw
from c2fseg.registry import DATA_SAMPLERS, DATASETS
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import UserError, load_config, one_sentence_errors
from c2fseg.utils.option_action import PairsAction
from c2fseg.utils.slow_progress import track_if_slow

ORDERS = ('sampler', 'file', 'random')
RECORD = '(record)'
TOTAL = 'all'


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file with data loaders')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--made', action='store_true', help="made pictures, not the config's data")
    parser.add_argument('--format', choices=('png', 'jpg'), help='of made pictures (png)')
    parser.add_argument('--images', type=int, default=16, help='made pictures (%(default)s)')
    parser.add_argument('--objects', type=int, default=4, help='objects of each (%(default)s)')
    parser.add_argument('--num', type=int, default=64, help='objects of a round (%(default)s)')
    parser.add_argument('--rounds', type=int, default=5, help='rounds (%(default)s)')
    parser.add_argument('--order', choices=ORDERS, default='sampler')
    parser.add_argument('--seed', type=int, default=0, help='seed of pictures and order')
    parser.add_argument('--workers', type=int, metavar='N', help='measure a loader of N processes')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the numbers here')
    parser.add_argument('--cfg-options', nargs='+', action=PairsAction, metavar='K=V')
    args = parser.parse_args(arguments)
    for name, least in (('images', 1), ('objects', 1), ('num', 1), ('rounds', 1), ('seed', 0)):
        if getattr(args, name) < least:
            parser.error(f'--{name} is at least {least}, got {getattr(args, name)}')
    if args.workers is not None and args.workers < 0:
        parser.error(f'--workers is at least 0, got {args.workers}')
    if args.format is not None and not args.made:
        parser.error('--format is that of made pictures: give --made as well')
    args.format = args.format or 'png'
    return args


# -------------------------------------------------------------------- measuring


class TimedStep:
    """A transform whose CPU time is summed.

    Args:
        step: The transform.
        seconds: Where its time is added, under its name.
    """

    def __init__(self, step: Any, seconds: dict[str, float]) -> None:
        self.step = step
        self.name = type(step).__name__
        self.seconds = seconds

    def __call__(self, results: dict) -> dict | None:
        """Runs the transform."""
        start = time.process_time()
        results = self.step(results)
        self.seconds[self.name] += time.process_time() - start
        return results


def build_dataset(config: Config, args: argparse.Namespace, folder: Path) -> tuple[Any, dict]:
    """Builds the data set and gives the loader's config that a split names.

    Raises:
        UserError: The config has no such split, or its data set cannot be measured.
    """
    loader = config.get(f'{args.split}_dataloader')
    if not loader:
        raise UserError(f'{args.config} has no {args.split}_dataloader: choose another --split.')
    settings = dict(loader['dataset'])
    if args.made:
        make_data(folder, args.images, args.objects, args.seed, args.format)
        kept = {key: settings[key] for key in ('pipeline', 'test_mode') if key in settings}
        settings = {'type': 'KINSDataset', 'data_root': str(folder), 'ann_file': 'made.json'} | kept
    dataset = DATASETS.build(settings)
    if not hasattr(dataset, 'pipeline'):
        raise UserError(
            f'{type(dataset).__name__} has no pipeline of its own to measure: give the data set '
            'that it wraps with --cfg-options, or use --made.'
        )
    return dataset, loader


def draws(dataset: Any, sampler: Any, args: argparse.Namespace) -> list[Any]:
    """Lists what is loaded in every round, ``args.num`` objects or all if there are fewer."""
    number = min(args.num, len(dataset))
    if args.order == 'random':
        generator = np.random.default_rng(args.seed)
        return [SampleDraw(int(i), int(i)) for i in generator.permutation(len(dataset))[:number]]
    if args.order == 'file' or sampler is None:
        return [SampleDraw(i, i) for i in range(number)]
    built = DATA_SAMPLERS.build(dict(sampler, dataset=dataset, seed=args.seed))
    return [draw for draw, _ in zip(built, range(number))]


def measure(dataset: Any, order: list[Any], rounds: int) -> list[dict[str, float]]:
    """Loads the objects several times.

    Args:
        dataset: With a pipeline.
        order: What to load.
        rounds: How often.

    Returns:
        For each round the milliseconds of CPU time an object takes, as a whole and by step.
    """
    seconds: dict[str, float] = defaultdict(float)
    dataset.pipeline.transforms = [TimedStep(s, seconds) for s in dataset.pipeline.transforms]
    names = [step.name for step in dataset.pipeline.transforms]
    dataset[order[-1]]  # what is set up on first use is no part of it
    table = []
    for _ in track_if_slow(range(rounds), rounds, 'measuring'):
        seconds.clear()
        start = time.process_time()
        for draw in order:
            dataset[draw]
        whole = time.process_time() - start
        parts = {name: seconds[name] for name in names}
        row = {TOTAL: whole, RECORD: whole - sum(parts.values()), **parts}
        table.append({name: 1000 * value / len(order) for name, value in row.items()})
    return table


def measure_loader(dataset: Any, settings: dict, workers: int, number: int) -> dict[str, float]:
    """Counts what a loader delivers, in the order of its sampler.

    Args:
        dataset: What is loaded.
        settings: The loader's config.
        workers: Its processes.
        number: Objects to wait for at least.

    Returns:
        ``objects`` and the wall time in ``seconds`` that they took, ``per_second``.
    """
    settings = {**settings, 'dataset': dataset, 'num_workers': workers}
    settings['persistent_workers'] = workers > 0
    loader = Runner.build_dataloader(settings, seed=0)
    batches = (batch for _ in itertools.count() for batch in loader)
    for _ in range(max(1, workers)):  # until every process has been set up
        next(batches)
    start = time.perf_counter()
    loaded = 0
    while loaded < number:
        loaded += len(next(batches)['data_samples'])
    seconds = time.perf_counter() - start
    return {'objects': loaded, 'seconds': seconds, 'per_second': loaded / seconds}


def summarise(table: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Gives the best and the median round of every part."""
    columns = {name: [row[name] for row in table] for name in table[0]}
    return {
        name: {'best': min(values), 'median': statistics.median(values)}
        for name, values in columns.items()
    }


def print_times(content: dict[str, Any], workers: int | None) -> None:
    """Prints what the JSON file holds; ``workers`` is the number of processes of the loader."""
    print(f'{content["objects"]} objects, {content["rounds"]} rounds; ms of CPU time an object')
    print(f'{"":24}{"best":>8}{"median":>8}')
    for name, values in content['milliseconds'].items():
        print(f'{name:24}{values["best"]:8.2f}{values["median"]:8.2f}')
    if workers is not None:
        found = content['loader']
        print(
            f'{workers} worker processes: {found["objects"]} objects in '
            f'{found["seconds"]:.1f} s, {found["per_second"]:.0f} a second'
        )


def main(arguments: list[str] | None = None) -> None:
    """Measures as the command line says."""
    args = parse_args(arguments)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with one_sentence_errors(ValueError), tempfile.TemporaryDirectory() as folder:
        check_writable(args.json)
        config = load_config(args.config, args.cfg_options, None)
        init_default_scope('c2fseg')
        dataset, loader = build_dataset(config, args, Path(folder))
        order = draws(dataset, loader.get('sampler'), args)
        content = {'objects': len(order), 'rounds': args.rounds}
        if args.workers is not None:  # before steps are timed, which takes time
            number = len(order) * args.rounds
            content['loader'] = measure_loader(dataset, loader, args.workers, number)
        content['milliseconds'] = summarise(measure(dataset, order, args.rounds))
        print_times(content, args.workers)
        if args.json is not None:
            write_whole(args.json, (json.dumps(content, indent=2) + '\n').encode())


if __name__ == '__main__':
    keep_freed_memory()
    main()
