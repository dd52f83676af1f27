"""Measures what it costs to load one object, and which steps of the pipeline it goes to.

    python tools/analysis_tools/benchmark_loading.py configs/c2f_kins.py --made
    python tools/analysis_tools/benchmark_loading.py configs/c2f_kins.py --split val --num 400
    python tools/analysis_tools/benchmark_loading.py configs/c2f_kins.py --made --order random

Objects are loaded in this process, one after another, in the order of the config's sampler (or
another, by --order). With --made the config's pipeline runs on pictures that are made for it: PNG
of 1242 x 375 px with the noise of a photograph, four objects each, in a KINS 2020 file. Times are
CPU time of this process, so other programs disturb them little; the best and the median of the
rounds are printed. What the operating system keeps of the files is not flushed, so the speed of
the disk is not part of it.
"""

from __future__ import annotations

import argparse
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
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from c2fseg.datasets import SampleDraw
from c2fseg.registry import DATA_SAMPLERS, DATASETS
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.launch import UserError, load_config, one_sentence_errors
from c2fseg.utils.slow_progress import track_if_slow

ORDERS = ('sampler', 'file', 'random')
SIZE = (375, 1242)  # (H, W) of a KITTI picture
RECORD = '(record)'
TOTAL = 'all'
# Standard deviations, in grey values, of the parts of a made picture: from the coarsest layer of
# smooth noise to the finest. A PNG of it takes as many bytes as one of KITTI, about 0.85 MB.
LAYERS = ((96, 45.0), (24, 20.0), (6, 9.0))
GRAIN = 3.0
CORNERS = 48


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file with data loaders')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--made', action='store_true', help="made pictures, not the config's data")
    parser.add_argument('--images', type=int, default=16, help='made pictures (%(default)s)')
    parser.add_argument('--objects', type=int, default=4, help='objects of each (%(default)s)')
    parser.add_argument('--num', type=int, default=64, help='objects of a round (%(default)s)')
    parser.add_argument('--rounds', type=int, default=5, help='rounds (%(default)s)')
    parser.add_argument('--order', choices=ORDERS, default='sampler')
    parser.add_argument('--seed', type=int, default=0, help='seed of pictures and order')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the numbers here')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='K=V')
    args = parser.parse_args(arguments)
    for name, least in (('images', 1), ('objects', 1), ('num', 1), ('rounds', 1), ('seed', 0)):
        if getattr(args, name) < least:
            parser.error(f'--{name} is at least {least}, got {getattr(args, name)}')
    return args


# -------------------------------------------------------------------- made data


def make_picture(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Draws smooth noise of several scales with grain on it: BGR uint8 (H, W, 3)."""
    height, width = size
    picture = np.full((height, width, 3), 118.0, np.float32)
    for step, deviation in LAYERS:
        coarse = rng.normal(0, deviation, (height // step + 3, width // step + 3, 3))
        picture += cv2.resize(
            coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    picture += rng.normal(0, GRAIN, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def make_outline(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Draws a smooth closed outline of a car's size: float (CORNERS, 2), x before y."""
    height, width = size
    radii = rng.uniform(30, 150), rng.uniform(25, 100)
    centre = rng.uniform(0.1, 0.9) * width, rng.uniform(0.3, 0.8) * height
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    waves = sum(rng.normal(0, 0.08) * np.cos(k * angles + rng.uniform(0, 6)) for k in range(2, 6))
    points = np.stack([np.cos(angles), np.sin(angles)], -1) * (1 + waves)[:, None] * radii
    return (points + centre).clip(0, (width - 1, height - 1)).round(1)


def make_data(folder: Path, images: int, objects: int, seed: int) -> None:
    """Writes pictures and a KINS 2020 file ``made.json``.

    Args:
        folder: Where to write.
        images: Number of pictures.
        objects: Objects of each.
        seed: The same seed gives the same data.
    """
    rng = np.random.default_rng(seed)
    entries: list[dict[str, Any]] = []
    names = [f'{number:06d}.png' for number in range(images)]
    for number, name in enumerate(track_if_slow(names, images, 'making pictures')):
        cv2.imwrite(str(folder / name), make_picture(rng))
        for _ in range(objects):
            amodal = make_outline(rng)
            centre = amodal.mean(axis=0)
            visible = amodal.copy()
            # The lower left quarter lies behind something.
            visible[(amodal < centre).all(axis=1)] = centre
            entry = {'id': len(entries), 'image_id': number, 'category_id': 1}
            entry |= {'a_segm': [amodal.ravel().tolist()], 'i_segm': [visible.ravel().tolist()]}
            entries.append(entry)
    content = {
        'images': [
            {'id': number, 'file_name': name, 'height': SIZE[0], 'width': SIZE[1]}
            for number, name in enumerate(names)
        ],
        'categories': [{'id': 1, 'name': 'thing'}],
        'annotations': entries,
    }
    (folder / 'made.json').write_text(json.dumps(content), encoding='utf-8')


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


def build_dataset(config: Config, args: argparse.Namespace, folder: Path) -> tuple[Any, Any]:
    """Builds the data set and the sampler's config that a split names.

    Raises:
        UserError: The config has no such split, or its data set cannot be measured.
    """
    loader = config.get(f'{args.split}_dataloader')
    if not loader:
        raise UserError(f'{args.config} has no {args.split}_dataloader: choose another --split.')
    settings = dict(loader['dataset'])
    if args.made:
        make_data(folder, args.images, args.objects, args.seed)
        kept = {key: settings[key] for key in ('pipeline', 'test_mode') if key in settings}
        settings = {'type': 'KINSDataset', 'data_root': str(folder), 'ann_file': 'made.json'} | kept
    dataset = DATASETS.build(settings)
    if not hasattr(dataset, 'pipeline'):
        raise UserError(
            f'{type(dataset).__name__} has no pipeline of its own to measure: give the data set '
            'that it wraps with --cfg-options, or use --made.'
        )
    return dataset, loader.get('sampler')


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


def summarise(table: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Gives the best and the median round of every part."""
    columns = {name: [row[name] for row in table] for name in table[0]}
    return {
        name: {'best': min(values), 'median': statistics.median(values)}
        for name, values in columns.items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Measures as the command line says."""
    args = parse_args(arguments)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with one_sentence_errors(ValueError), tempfile.TemporaryDirectory() as folder:
        config = load_config(args.config, args.cfg_options, None)
        init_default_scope('c2fseg')
        dataset, sampler = build_dataset(config, args, Path(folder))
        order = draws(dataset, sampler, args)
        result = summarise(measure(dataset, order, args.rounds))
        if args.json is not None:
            content = {'objects': len(order), 'rounds': args.rounds, 'milliseconds': result}
            write_whole(args.json, (json.dumps(content, indent=2) + '\n').encode())
    print(f'{len(order)} objects, {args.rounds} rounds; ms of CPU time an object')
    print(f'{"":24}{"best":>8}{"median":>8}')
    for name, values in result.items():
        print(f'{name:24}{values["best"]:8.2f}{values["median"]:8.2f}')


if __name__ == '__main__':
    main()
