"""``c2fseg train CONFIG`` and ``python tools/train.py``: train a model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mmengine.dist import is_main_process

from c2fseg.apis.model_files import recipe_path
from c2fseg.engine import InvalidLossError
from c2fseg.utils.launch import (
    INTERRUPTED,
    build_runner,
    check_files,
    drop_spent_weights,
    load_config,
    one_sentence_errors,
    prepare_processes,
    use_mixed_precision,
)
from c2fseg.utils.low_precision import warn_of_slow_autocast
from c2fseg.utils.option_action import PairsAction


def parse_args(
    arguments: Sequence[str] | None = None, prog: str | None = None
) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog=prog, description='Train a model.')
    parser.add_argument('config', help='config file, or name of a recipe, such as c2f_kins')
    parser.add_argument(
        '--work-dir', help='where logs and checkpoints go (default: work_dirs/NAME)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='PATH',
        help='go on from this checkpoint; without PATH from the newest of the work directory',
    )
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision (GPU)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=PairsAction,
        metavar='KEY=VALUE',
        help='overrides, for example train_cfg.max_iters=100 train_dataloader.batch_size=8',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Trains as the command line says."""
    args = parse_args(arguments, prog)
    with one_sentence_errors(InvalidLossError):
        config = load_config(recipe_path(args.config), args.cfg_options, args.work_dir)
        if args.amp:
            use_mixed_precision(config)
        if args.resume is not None:
            config.resume = True
            config.load_from = None if args.resume == 'auto' else args.resume
        drop_spent_weights(config)
        check_files(config, 'train', 'val')
        prepare_processes(config, args.launcher)
        runner = build_runner(config)
        warn_of_slow_autocast(runner.model, 'train')
        try:
            runner.train()
        except KeyboardInterrupt:
            if is_main_process():
                print(
                    'interrupted: the same command with --resume goes on from the newest '
                    f'checkpoint in {config.work_dir}',
                    file=sys.stderr,
                )
            raise SystemExit(INTERRUPTED) from None
