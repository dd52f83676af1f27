"""Measures what an evaluation costs beside the model: loading, pasting, scoring, averaging.

    python tools/analysis_tools/benchmark_evaluation.py configs/c2f_kins.py --made
    python tools/analysis_tools/benchmark_evaluation.py configs/c2f_kins.py --made --format jpg \\
        --num 10000 --protocols c2f-image c2f-image-strict pcnet
    python tools/analysis_tools/benchmark_evaluation.py configs/c2f_shapes.py --split test

No model runs: the masks of an object are its true ones with a soft edge, the amodal and the coarse
one a few pixels off. They are pasted as a model's are, and the config's metric (or AmodalIoU with
other protocols, by --protocols) scores them and averages over all objects. More objects than the
data has are the same again under other names. With --made the config's pipeline runs on pictures
that are made for it, as in benchmark_loading.py. With --model-ms, the time that the model takes for
an object (benchmark.py measures it), the share of all else is printed.

Times are CPU time of this process, so other programs disturb them little. Loading is what worker
processes do beside the model; pasting and scoring are not.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from torch import Tensor

from c2fseg.benchmarking.made_data import make_data
from c2fseg.models.segmentors.predictions import write_masks
from c2fseg.models.segmentors.settings import TestSettings
from c2fseg.registry import DATASETS
from c2fseg.structures import AmodalDataSample
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.launch import UserError, load_config, one_sentence_errors
from c2fseg.utils.option_action import PairsAction
from c2fseg.utils.slow_progress import track_if_slow

LOAD, PASTE, SCORE, AVERAGE = 'load', 'paste', 'score', 'average'
PLACES = {
    LOAD: 'worker processes',
    PASTE: 'main process',
    SCORE: 'main process',
    AVERAGE: 'once, at the end',
}
SOFT_EDGE = 9  # px, side of the blur that makes probabilities of masks
SHIFTS = {'coarse': (5, 3), 'visible': (0, 0), 'amodal': (2, -3)}  # rows, columns


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file with data loaders and evaluators')
    parser.add_argument('--split', choices=('val', 'test'), default='test')
    parser.add_argument('--made', action='store_true', help="made pictures, not the config's data")
    parser.add_argument('--format', choices=('png', 'jpg'), help='of made pictures (png)')
    parser.add_argument('--images', type=int, default=16, help='made pictures (%(default)s)')
    parser.add_argument('--objects', type=int, default=4, help='objects of each (%(default)s)')
    parser.add_argument('--num', type=int, default=1000, help='objects to score (%(default)s)')
    parser.add_argument('--batch-size', type=int, default=16, help='(%(default)s)')
    parser.add_argument('--protocols', nargs='+', metavar='NAME', help="not the config's metric")
    parser.add_argument('--seed', type=int, default=0, help='seed of made pictures')
    parser.add_argument('--model-ms', type=float, metavar='MS', help='of the model, an object')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the numbers here')
    parser.add_argument('--cfg-options', nargs='+', action=PairsAction, metavar='K=V')
    args = parser.parse_args(arguments)
    least = {'images': 1, 'objects': 1, 'num': 1, 'batch_size': 1, 'seed': 0}
    for name, low in least.items():
        if getattr(args, name) < low:
            option = name.replace('_', '-')
            parser.error(f'--{option} is at least {low}, got {getattr(args, name)}')
    if args.model_ms is not None and not args.model_ms > 0:
        parser.error(f'--model-ms is a positive number, got {args.model_ms}')
    if args.format is not None and not args.made:
        parser.error('--format is that of made pictures: give --made as well')
    args.format = args.format or 'png'
    return args


def build(config: Config, args: argparse.Namespace, folder: Path) -> tuple[Any, Evaluator]:
    """Builds the data set of a split and what scores it.

    Raises:
        UserError: The config has no such split.
    """
    loader, metrics = config.get(f'{args.split}_dataloader'), config.get(f'{args.split}_evaluator')
    if not loader or not metrics:
        raise UserError(
            f'{args.config} has no {args.split}_dataloader with {args.split}_evaluator: choose '
            'another --split.'
        )
    settings = dict(loader['dataset'])
    if args.made:
        make_data(folder, args.images, args.objects, args.seed, args.format)
        kept = {key: settings[key] for key in ('pipeline', 'test_mode') if key in settings}
        settings = {'type': 'KINSDataset', 'data_root': str(folder), 'ann_file': 'made.json'} | kept
    dataset = DATASETS.build(settings)
    if args.protocols:
        metrics = {'type': 'AmodalIoU', 'protocols': args.protocols}
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = dataset.metainfo
    return dataset, evaluator


def make_probabilities(samples: Sequence[AmodalDataSample]) -> dict[str, Tensor]:
    """Makes what a model would find: probabilities (N,T,h,w) by name.

    Args:
        samples: With ``gt_crop_masks``.
    """
    found: dict[str, list[Tensor]] = defaultdict(list)
    for sample in samples:
        for name, shift in SHIFTS.items():
            truth = (
                sample.gt_crop_masks.visible if name == 'visible' else sample.gt_crop_masks.amodal
            )
            masks = [cv2.blur(mask.numpy(), (SOFT_EDGE, SOFT_EDGE)) for mask in truth]
            moved = [torch.from_numpy(mask).roll(shift, (0, 1)) for mask in masks]
            found[name].append(torch.stack(moved))
    return {name: torch.stack(masks) for name, masks in found.items()}


class Clock:
    """Sums CPU time by step.

    Attributes:
        seconds: Step to seconds.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PLACES, 0.0)
        self._last = time.process_time()

    def start(self) -> None:
        """Leaves out what happened since the last step."""
        self._last = time.process_time()

    def end(self, step: str) -> None:
        """Adds what happened since the last step."""
        now = time.process_time()
        self.seconds[step] += now - self._last
        self._last = now


def evaluate(dataset: Any, evaluator: Evaluator, number: int, batch_size: int) -> dict[str, float]:
    """Loads, pastes and scores objects, and averages.

    Args:
        dataset: With masks at image size.
        evaluator: Scores them.
        number: Objects; names of those that come again get a number.
        batch_size: Objects of a batch.

    Returns:
        Seconds of CPU time by step.
    """
    settings = TestSettings()
    dataset[0]  # what is set up on first use is no part of it
    clock = Clock()
    starts = range(0, number, batch_size)
    for start in track_if_slow(starts, len(starts), 'measuring'):
        places = range(start, min(start + batch_size, number))
        clock.start()
        items = [dataset[place % len(dataset)] for place in places]
        clock.end(LOAD)
        samples = [item['data_samples'] for item in items]
        for place, sample in zip(places, samples):
            name = f'{sample.sample_id} {place // len(dataset)}'
            sample.set_metainfo({'sample_id': name})
        found = make_probabilities(samples)
        clock.start()
        write_masks(found, samples, settings)
        clock.end(PASTE)
        evaluator.process(samples)
        clock.end(SCORE)
    clock.start()
    evaluator.evaluate(number)
    clock.end(AVERAGE)
    return clock.seconds


def format_times(seconds: dict[str, float], number: int, model_ms: float | None) -> str:
    """Gives the table: milliseconds an object by step, and their sum."""
    lines = [f'{number} objects; ms of CPU time an object', f'{"":10}{"ms":>8}']
    for step, value in seconds.items():
        lines.append(f'{step:10}{1000 * value / number:8.2f}  {PLACES[step]}')
    total = 1000 * sum(seconds.values()) / number
    lines.append(f'{"all":10}{total:8.2f}')
    lines.append(f'averaging over {number} objects took {seconds[AVERAGE]:.2f} s')
    if model_ms is not None:
        own = 1000 * (seconds[PASTE] + seconds[SCORE] + seconds[AVERAGE]) / number
        lines.append(
            f'beside a model of {model_ms:g} ms: {100 * total / (total + model_ms):.0f} % of the '
            f'time of an evaluation in one process, {100 * own / (own + model_ms):.0f} % where '
            'worker processes load'
        )
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measures as the command line says."""
    args = parse_args(arguments)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with one_sentence_errors(ValueError), tempfile.TemporaryDirectory() as folder:
        check_writable(args.json)
        config = load_config(args.config, args.cfg_options, None)
        init_default_scope('c2fseg')
        dataset, evaluator = build(config, args, Path(folder))
        seconds = evaluate(dataset, evaluator, args.num, args.batch_size)
        print(format_times(seconds, args.num, args.model_ms))
        if args.json is not None:
            times = {step: 1000 * value / args.num for step, value in seconds.items()}
            content = {'objects': args.num, 'milliseconds': times}
            write_whole(args.json, (json.dumps(content, indent=2) + '\n').encode())


if __name__ == '__main__':
    keep_freed_memory()
    main()
