"""Train and test a family of configs in equal short runs and tabulate their scores.

Example, the table of options in ``docs/benchmarks.md``::

    python tools/analysis_tools/run_ablations.py configs/ablations/shapes/*.py --max-iters 150

A config whose result is already in ``--work-dir`` is not run again, so an interrupted family goes
on where it was. Schedules that end at the config's ``max_iters`` are shortened with it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.launch import check_files, load_config, one_sentence_errors, prepare_processes

COLUMNS = (
    'coarse/raw/mIoU_full',
    'coarse/raw/mIoU_occ',
    'refined/raw/mIoU_full',
    'refined/raw/mIoU_occ',
)
SUBSET = '_hidden_5-95'


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Train and test configs in equal short runs.')
    parser.add_argument('configs', nargs='+', help='config files, one row each')
    parser.add_argument('--max-iters', type=int, default=150, help='iterations of every run')
    parser.add_argument('--work-dir', default='work_dirs/ablations', help='results and logs')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
        help='overrides for every run',
    )  # fmt: skip
    return parser.parse_args(arguments)


def shorten(config: Config, max_iters: int) -> None:
    """Ends training, and every schedule that ended with it, after ``max_iters`` iterations.

    Args:
        config: Changed in place.
        max_iters: The new length.
    """
    scale = max_iters / config.train_cfg.max_iters
    for scheduler in config.param_scheduler:
        for key in ('begin', 'end', 'T_max'):
            if key in scheduler:
                scheduler[key] = max(round(scheduler[key] * scale), 0 if key == 'begin' else 1)
    config.train_cfg.max_iters = max_iters
    config.train_cfg.val_interval = max_iters + 1  # the test below is the only evaluation
    config.default_hooks.checkpoint.interval = max_iters


def run(path: str, args: argparse.Namespace) -> dict[str, Any]:
    """Trains and tests one config.

    Args:
        path: The config file.
        args: The command line.

    Returns:
        The metrics of the test, with the training's ``seconds`` and ``max_iters``.
    """
    config = load_config(path, args.cfg_options, str(Path(args.work_dir) / Path(path).stem))
    check_files(config, 'train', 'val', 'test')
    shorten(config, args.max_iters)
    prepare_processes(config, 'none')
    # MMEngine keeps loggers, message hubs and visualizers by name: each run gets its own.
    config.experiment_name = f'{Path(path).stem}_{time.time_ns()}'
    config.visualizer.name = config.experiment_name
    runner = Runner.from_cfg(config)
    start = time.perf_counter()
    runner.train()
    seconds = time.perf_counter() - start
    metrics = runner.test()
    samples = args.max_iters * config.train_dataloader.batch_size
    return {**metrics, 'seconds': seconds, 'max_iters': args.max_iters, 'samples': samples}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of the runs: mIoU in percent, objects hidden 5-95 %."""
    lines = [
        '| config | samples | coarse full | coarse occ | refined full | refined occ | minutes |',
        '| --- | --- | --- | --- | --- | --- | --- |',
    ]
    for name, result in rows.items():
        cells = [f'{100 * find_score(result, column):.1f}' for column in COLUMNS]
        minutes = f'{result["seconds"] / 60:.1f}'
        lines.append(f'| {name} | {result["samples"]} | {" | ".join(cells)} | {minutes} |')
    return '\n'.join(lines)


def find_score(result: dict[str, Any], column: str) -> float:
    """The score of one column over the objects hidden 5-95 %.

    Raises:
        KeyError: The metrics hold no such score, or several.
    """
    keys = [key for key in result if key.endswith(f'{column}{SUBSET}')]
    if len(keys) != 1:
        raise KeyError(f'expected one score for {SUBSET} and {column}, found {keys}')
    return result[keys[0]]


def main(arguments: list[str] | None = None) -> None:
    """Runs the family and prints the table."""
    args = parse_args(arguments)
    rows = {}
    with one_sentence_errors():
        for path in args.configs:
            result_file = Path(args.work_dir) / f'{Path(path).stem}.json'
            if result_file.is_file():
                rows[Path(path).stem] = json.loads(result_file.read_text())
                continue
            rows[Path(path).stem] = result = run(path, args)
            write_whole(result_file, json.dumps(result, indent=1).encode())
            print(table(rows), flush=True)
    print(table(rows))


if __name__ == '__main__':
    main()
