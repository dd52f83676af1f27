"""Measures and draws quality against cost: models, each decoded in several numbers of steps K.

    python tools/analysis_tools/plot_tradeoff.py --num-objects 2000 --json outputs/tradeoff.json \\
        --model published configs/lite/c2f_shapes_published_128.py WEIGHTS \\
        --model light configs/lite/c2f_shapes_m.py WEIGHTS --out outputs/tradeoff.png
    python tools/analysis_tools/plot_tradeoff.py --from-json outputs/tradeoff.json --out a.png

Quality is what the test of the config says (c2f-image, refined, raw), on the first objects of its
test split. GFLOP count a multiplication and an addition as two, in matrix products, convolutions
and attention. Milliseconds are those of a prediction of --batch-size objects of the test split,
masks at image size included, by object; all models and K are timed in turns, so that a busy machine
slows all of them alike, and the median of --rounds is drawn. The JSON file is written after every
measurement: the same command goes on where a killed one was.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import Runner

from c2fseg.apis.model_files import recipe_path
from c2fseg.benchmarking.measure import GIGA, PartClock, count_flops, environment
from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.utils.atomic_backend import check_writable, write_whole
from c2fseg.utils.hashing import hash_file
from c2fseg.utils.launch import (
    UserError,
    build_runner,
    check_files,
    load_config,
    one_sentence_errors,
    prepare_processes,
)
from c2fseg.utils.option_action import PairsAction
from c2fseg.visualization.tradeoff import COLOURS, MEASURES, OBJECTS, draw_tradeoff

KEY = 'c2f-image/gt/refined/raw/mIoU_{measure}{objects}'
SUFFIXES = {'hidden': '_hidden_5-95', 'all': ''}
COUNT = 'c2f-image/gt/objects{objects}'
POINT_KEYS = {'model', 'weights', 'steps', 'parameters', 'gflop', 'ms', 'quality', 'objects'}


class Candidate:
    """A trained model, its test, and a batch of it.

    Args:
        name: What the picture calls it.
        config: Its config.
        checkpoint: Its weights.
        work_dir: Where its log goes.
        num_objects: Objects that are tested, the first ones of the split.
        batch_size: Objects of the batch that is counted and timed.
        cfg_options: Values of the config to override, keys with dots.

    Raises:
        UserError: The config or a file is wrong, or the model decodes no tokens.
    """

    def __init__(
        self,
        name: str,
        config: str,
        checkpoint: str,
        work_dir: str,
        num_objects: int,
        batch_size: int,
        cfg_options: dict[str, Any] | None,
    ) -> None:
        self.name = name
        cfg = load_config(recipe_path(config), cfg_options, work_dir)
        cfg.load_from, cfg.resume, cfg.log_level = checkpoint, False, 'WARNING'
        cfg.experiment_name = name
        if cfg.get('visualizer'):
            cfg.visualizer.name = name  # of which there may be one of a name
        cfg.test_dataloader.dataset.indices = num_objects
        # Averaging and drawing are for trainings: a checkpoint's state_dict holds the average.
        cfg.custom_hooks = []
        cfg.default_hooks.pop('visualization', None)
        check_files(cfg, 'test', pretrained=False)
        prepare_processes(cfg, 'none')
        self.runner: Runner = build_runner(cfg)
        self.runner.load_or_resume()
        self.model = self.runner.model
        if not hasattr(self.model, 'decoder'):
            raise UserError(f'{config}: {cfg.model.type} decodes no tokens; give a C2FSeg config.')
        self.batch_size = batch_size
        self._batch: dict[str, Any] | None = None

    @property
    def batch(self) -> dict[str, Any]:
        """The first objects of the test, as the data loader collates them."""
        if self._batch is None:
            loader = self.runner.build_dataloader(self.runner.cfg.test_dataloader)
            items = [loader.dataset[index] for index in range(self.batch_size)]
            self._batch = loader.collate_fn(items)
        return self._batch

    def test(self, steps: int) -> dict[str, dict[str, float]]:
        """Test with K steps.

        Returns:
            ``quality`` (objects to measure to mIoU in [0, 1]) and ``objects`` (how many).

        Raises:
            UserError: The test of the config is not scored under c2f-image with given masks.
        """
        self.model.decoder.num_steps = steps
        found = self.runner.test()
        try:
            return dict(
                quality={
                    objects: {
                        measure: found[KEY.format(measure=measure, objects=SUFFIXES[objects])]
                        for measure in MEASURES
                    }
                    for objects in OBJECTS
                },
                objects={
                    objects: int(found[COUNT.format(objects=SUFFIXES[objects])])
                    for objects in OBJECTS
                },
            )
        except KeyError as error:
            raise UserError(
                f'{self.name}: its test gives no {error.args[0]}; test_evaluator has to be '
                "AmodalIoU with protocol='c2f-image' and visible_source='gt'."
            ) from error

    @torch.no_grad()
    def predict(self, steps: int) -> float:
        """Predict the batch with K steps; returns the seconds it took."""
        self.model.decoder.num_steps = steps
        self.model.eval()
        clock = PartClock(next(self.model.parameters()).device)
        start = clock.now()
        data = self.model.data_preprocessor(copy.deepcopy(self.batch), False)
        self.model(**data, mode='predict')
        return clock.now() - start

    def count_gflop(self, steps: int) -> float:
        """GFLOP of an object with K steps."""
        with count_flops() as counter:
            self.predict(steps)
        return counter.get_total_flops() / GIGA / self.batch_size


def read_points(path: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Points that an earlier run measured.

    Args:
        path: Its JSON file; there may be none.
        settings: How this run measures; empty for one that draws alone.

    Returns:
        The points.

    Raises:
        UserError: That run measured in another way, or the file is no such file.
    """
    if not path.is_file():
        return []
    try:
        known = json.loads(path.read_text(encoding='utf-8'))
        # Files may be without cfg_options: those of configs that were taken as they are.
        points, before = known['points'], {'cfg_options': {}, **known['settings']}
        whole = all(set(point) >= POINT_KEYS for point in points)
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise UserError(f'{path} was not written by this tool: give another file.')
    for key, value in settings.items():
        if before.get(key) != value:
            raise UserError(
                f'{path} was measured with {key} = {before.get(key)}, now it is {value}: give the '
                'same options, or another file with --json.'
            )
    return points


class Measurement:
    """All points of a picture, kept on disk.

    Args:
        path: The JSON file.
        settings: How it is measured.
        candidates: The models.
        steps: Numbers of decoding steps.
        weights: SHA-256 of the weights by name of a model.

    Raises:
        UserError: The file has points that are not asked for, or that were measured in another way.
    """

    def __init__(
        self,
        path: Path,
        settings: dict[str, Any],
        candidates: list[Candidate],
        steps: list[int],
        weights: dict[str, str],
    ) -> None:
        self.path, self.settings, self.candidates, self.steps = path, settings, candidates, steps
        self.weights = weights
        known = {}
        for point in read_points(path, settings):
            if point['model'] not in weights or point['steps'] not in steps:
                raise UserError(
                    f'{path} holds {point["model"]} with {point["steps"]} steps, which was not '
                    'asked for: name all models and steps in one command, or give another --json.'
                )
            known[point['model'], point['weights'], point['steps']] = point
        self.wanted = [(candidate, count) for candidate in candidates for count in steps]
        self.points = [
            known.get((candidate.name, weights[candidate.name], count))
            for candidate, count in self.wanted
        ]

    def write(self) -> None:
        """Write what is known so far."""
        points = [point for point in self.points if point is not None]
        content = json.dumps(dict(settings=self.settings, points=points), indent=2) + '\n'
        write_whole(self.path, content.encode())

    def measure_quality(self) -> None:
        """Test and count what is not known yet."""
        for index, (candidate, steps) in enumerate(self.wanted):
            if self.points[index] is not None:
                continue
            self.points[index] = dict(
                model=candidate.name,
                weights=self.weights[candidate.name],
                steps=steps,
                parameters=sum(parameter.numel() for parameter in candidate.model.parameters()),
                gflop=candidate.count_gflop(steps),
                ms=[],
                **candidate.test(steps),
            )
            self.write()
            print(describe(self.points[index]), flush=True)

    def measure_time(self, rounds: int) -> None:
        """Time all points in turns, optimized for inference, until each has ``rounds`` of them."""
        if len({len(point['ms']) for point in self.points}) > 1:
            # A point is new: its turns would not be those of the others.
            for point in self.points:
                point['ms'] = []
        if len(self.points[0]['ms']) < rounds:
            for candidate in self.candidates:
                candidate.model.optimize_for_inference()
            for candidate, steps in self.wanted:
                candidate.predict(steps)  # the first calls are slower
        while len(self.points[0]['ms']) < rounds:
            for point, (candidate, steps) in zip(self.points, self.wanted):
                seconds = candidate.predict(steps)
                point['ms'].append(1000 * seconds / candidate.batch_size)
            self.write()


def describe(point: dict[str, Any]) -> str:
    """What is printed of a point."""
    quality = point['quality']['hidden']
    return (
        f'{point["model"]}, {point["steps"]} steps: mIoU full {100 * quality["full"]:.2f}, '
        f'occluded {100 * quality["occ"]:.2f} (5-95 % hidden), {point["gflop"]:.2f} GFLOP'
    )


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--model',
        nargs=3,
        action='append',
        default=[],
        metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
        help='a model to measure; give one or more',
    )
    parser.add_argument('--steps', type=int, nargs='+', default=[1, 2, 3, 4, 6, 8], metavar='K')
    parser.add_argument('--num-objects', type=int, default=2000, help='to test (%(default)s)')
    parser.add_argument('--batch-size', type=int, default=8, help='timed at once (%(default)s)')
    parser.add_argument('--rounds', type=int, default=5, help='of timing (%(default)s)')
    parser.add_argument('--json', type=Path, default=Path('outputs/tradeoff.json'), metavar='FILE')
    parser.add_argument('--from-json', type=Path, metavar='FILE', help='draw alone')
    parser.add_argument('--out', type=Path, default=Path('outputs/tradeoff.png'), metavar='FILE')
    parser.add_argument('--objects', choices=list(OBJECTS), default='hidden', help='to draw')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=PairsAction,
        metavar='K=V',
        help='overrides of all configs, such as test_dataloader.dataset.data_root=DIR',
    )
    args = parser.parse_args(arguments)
    names = [name for name, _, _ in args.model]
    if bool(names) == (args.from_json is not None):
        parser.error('give --model NAME CONFIG CHECKPOINT, or else --from-json FILE')
    if len(set(names)) < len(names) or len(names) > len(COLOURS):
        parser.error(f'--model: up to {len(COLOURS)} names, each once, got {", ".join(names)}')
    for option in ('num_objects', 'batch_size', 'rounds'):
        if getattr(args, option) < 1:
            parser.error(f'--{option.replace("_", "-")} must be at least 1')
    if min(args.steps) < 1 or len(set(args.steps)) < len(args.steps):
        parser.error(f'--steps: numbers from 1 on, each once, got {args.steps}')
    if args.batch_size > args.num_objects:
        parser.error('--batch-size: no more objects than --num-objects')
    return args


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measures as the command line says and returns the points."""
    with tempfile.TemporaryDirectory() as work_dir:
        candidates = [
            Candidate(
                name,
                config,
                checkpoint,
                work_dir,
                args.num_objects,
                args.batch_size,
                args.cfg_options,
            )
            for name, config, checkpoint in args.model
        ]
        device = next(candidates[0].model.parameters()).device
        settings = dict(
            num_objects=args.num_objects,
            batch_size=args.batch_size,
            optimized=True,
            cfg_options={key: repr(value) for key, value in (args.cfg_options or {}).items()},
            environment=environment(device),
        )
        weights = {name: hash_file(Path(checkpoint)) for name, _, checkpoint in args.model}
        measurement = Measurement(args.json, settings, candidates, args.steps, weights)
        measurement.measure_quality()
        measurement.measure_time(args.rounds)
    return measurement.points


def main(arguments: list[str] | None = None) -> None:
    """Measures or reads, and draws."""
    args = parse_args(arguments)
    with one_sentence_errors():
        check_writable(args.out)
        if args.from_json is None:
            check_writable(args.json)
            points = measure(args)
        else:
            if not args.from_json.is_file():
                raise UserError(f'--from-json {args.from_json} does not exist.')
            points = [point for point in read_points(args.from_json, {}) if point['ms']]
        try:
            draw_tradeoff(points, args.out, args.objects)
        except (ImportError, ValueError) as error:
            raise UserError(str(error)) from error
        print(f'{args.out}: {len(points)} points')


if __name__ == '__main__':
    keep_freed_memory()
    main()
