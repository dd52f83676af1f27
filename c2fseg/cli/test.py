"""``c2fseg test CONFIG [CHECKPOINT]`` and ``python tools/test.py``: test a model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmengine.config import Config

from c2fseg.apis.model_files import recipe_path
from c2fseg.utils.launch import (
    UserError,
    build_runner,
    check_files,
    load_config,
    one_sentence_errors,
    prepare_processes,
)
from c2fseg.utils.low_precision import warn_of_slow_autocast
from c2fseg.utils.option_action import PairsAction

PREDICTION_WRITERS = ('AmodalIoU', 'VideoAmodalIoU', 'AmodalPredictions')


def parse_args(
    arguments: Sequence[str] | None = None, prog: str | None = None
) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog=prog, description='Test a model.')
    parser.add_argument('config', help='config file, or name of a recipe, such as c2f_kins')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        default='none',
        help='weights; leave it out (or write none) for predictors that have none',
    )
    parser.add_argument('--out', metavar='FILE.json', help='write every prediction to this file')
    parser.add_argument('--show-dir', metavar='DIR', help='draw predictions into this directory')
    parser.add_argument('--work-dir', help='where the log goes (default: work_dirs/NAME)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=PairsAction,
        metavar='KEY=VALUE',
        help='overrides, for example model.decoder.num_steps=1',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def metric_name(item: dict) -> str:
    """The name of a metric's class, from a type that is a class, a name, or a scoped name."""
    kind = item.get('type', '')
    return (kind if isinstance(kind, str) else kind.__name__).rsplit('.', maxsplit=1)[-1]


def write_predictions(config: Config, path: str) -> None:
    """Lets the metric of the test write its prediction file.

    Args:
        config: Changed in place.
        path: The JSON file.

    Raises:
        UserError: The path is no JSON file, or not exactly one of PREDICTION_WRITERS is there.
    """
    if not path.endswith('.json'):
        raise UserError(f'--out {path} must end with .json.')
    evaluators = config.test_evaluator
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    metrics = [item for item in evaluators if metric_name(item) in PREDICTION_WRITERS]
    if len(metrics) != 1:
        raise UserError(
            f'--out needs one {" or ".join(PREDICTION_WRITERS)} in test_evaluator, which writes '
            f'the file; the config has {len(metrics)}.'
        )
    metrics[0]['out_file'] = path


def draw_predictions(config: Config, directory: str) -> None:
    """Turns the drawing of test predictions on.

    Args:
        config: Changed in place.
        directory: Where the pictures go.
    """
    hook = config.default_hooks.get('visualization') or {}
    hook.setdefault('type', 'AmodalVisualizationHook')  # --cfg-options may have made a part of it
    hook['show_dir'] = directory
    config.default_hooks['visualization'] = hook


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Tests as the command line says."""
    args = parse_args(arguments, prog)
    with one_sentence_errors():
        config = load_config(recipe_path(args.config), args.cfg_options, args.work_dir)
        config.resume = False
        config.load_from = None if args.checkpoint == 'none' else args.checkpoint
        if args.out is not None:
            write_predictions(config, args.out)
        if args.show_dir is not None:
            draw_predictions(config, args.show_dir)
        check_files(config, 'test', pretrained=False)
        prepare_processes(config, args.launcher)
        runner = build_runner(config)
        if config.load_from is None and next(runner.model.parameters(), None) is not None:
            raise UserError(
                f'{config.model.type} has weights to load: give a checkpoint after the config.'
            )
        warn_of_slow_autocast(runner.model, 'test')
        runner.test()
