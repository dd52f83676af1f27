r"""Train and test a family of configs in equal short runs and tabulate their scores.

Examples, the tables of options in ``docs/benchmarks.md``::

    python tools/analysis_tools/run_ablations.py configs/ablations/shapes/*.py --max-iters 150
    python tools/analysis_tools/run_ablations.py configs/ablations/shapes_video/*.py \
        --work-dir work_dirs/ablations_video

A config whose result is already in ``--work-dir`` is not run again, so an interrupted family goes
on where it was. Schedules that end at the config's ``max_iters`` are shortened with it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.launch import (
    UserError,
    check_files,
    load_config,
    one_sentence_errors,
    prepare_processes,
)

# Heading of a column, and a pattern of the key of its score.
COLUMNS = {
    'coarse full': '*/coarse/raw/mIoU_full_hidden_5-95',
    'coarse occ': '*/coarse/raw/mIoU_occ_hidden_5-95',
    'refined full': '*/refined/raw/mIoU_full_hidden_5-95',
    'refined occ': '*/refined/raw/mIoU_occ_hidden_5-95',
}
# Clips have these too; a test set may lack frames in which an object is fully hidden.
CLIP_COLUMNS = {
    'tracks full': 'c2f-video/*/refined/raw/mIoU_full',
    'tracks occ': 'c2f-video/*/refined/raw/mIoU_occ',
    'unseen full': 'frames/*/refined/raw/hidden_frames/mIoU_full',
    'stability': 'frames/*/refined/raw/stability',
}
TRUTH = 'frames/*/refined/raw/truth_stability'
CLIP_CAPTION = (
    'Coarse and refined: frames in which 5-95 % of the object are hidden. Tracks: the means of the '
    'protocol. Unseen: frames in which the object is fully hidden. Stability from frame to frame'
)


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
        The metrics of the test, with the training's ``seconds``, ``max_iters`` and ``samples``
        (objects, or clips), and the ``config``.
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
    lengths = {'seconds': seconds, 'max_iters': args.max_iters, 'samples': samples}
    return {**metrics, **lengths, 'config': str(Path(path).resolve())}


def stored_result(path: str, args: argparse.Namespace) -> dict[str, Any] | None:
    """The result that an earlier call left for a config, None where there is none.

    Raises:
        UserError: It is that of another config of this name, or of a shorter or longer run.
    """
    file = result_file(path, args)
    if not file.is_file():
        return None
    result = json.loads(file.read_text())
    config, length = str(Path(path).resolve()), args.max_iters
    if (result.get('config', config), result['max_iters']) != (config, length):
        raise UserError(
            f'{file} holds {result["max_iters"]} iterations of {result.get("config", path)}, not '
            f'{length} of {config}: give another --work-dir, or remove the file.'
        )
    return result


def result_file(path: str, args: argparse.Namespace) -> Path:
    """Where the result of a config is kept."""
    return Path(args.work_dir) / f'{Path(path).stem}.json'


def table(rows: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of the runs: mIoU in percent, objects (or frames) hidden 5-95 %.

    Clips get the means of their protocol, fully hidden frames and stability as well.
    """
    clips = any(key.startswith('frames/') for result in rows.values() for key in result)
    columns = {**COLUMNS, **CLIP_COLUMNS} if clips else COLUMNS
    heads = ['config', 'clips' if clips else 'samples', *columns, 'minutes']
    lines = [f'| {" | ".join(heads)} |', f'|{" --- |" * len(heads)}']
    for name, result in rows.items():
        cells = [find_score(result, key, needed=head in COLUMNS) for head, key in columns.items()]
        scores = ['-' if math.isnan(cell) else f'{100 * cell:.1f}' for cell in cells]
        minutes = f'{result["seconds"] / 60:.1f}'
        lines.append(f'| {" | ".join([name, str(result["samples"]), *scores, minutes])} |')
    if clips:
        truth = [find_score(result, TRUTH, needed=False) for result in rows.values()]
        known = {f'{100 * value:.1f}' for value in truth if not math.isnan(value)}
        lines += ['', f'{CLIP_CAPTION} (truth: {", ".join(sorted(known)) or "unknown"}).']
    return '\n'.join(lines)


def find_score(result: dict[str, Any], pattern: str, needed: bool = True) -> float:
    """The score of one column.

    Args:
        result: The metrics of a run.
        pattern: Of the key of the score, with * for anything.
        needed: Whether its absence is an error; NaN otherwise.

    Raises:
        KeyError: The metrics hold no such score, or several.
    """
    keys = [key for key in result if fnmatchcase(key, pattern)]
    if not keys and not needed:
        return math.nan
    if len(keys) != 1:
        raise KeyError(f'expected one score {pattern}, found {keys}')
    return result[keys[0]]


def main(arguments: list[str] | None = None) -> None:
    """Runs the family and prints the table."""
    args = parse_args(arguments)
    rows: dict[str, dict[str, Any]] = {}
    with one_sentence_errors():
        stored = [stored_result(path, args) for path in args.configs]
        for path, result in zip(args.configs, stored):
            if result is not None:
                rows[Path(path).stem] = result
                continue
            rows[Path(path).stem] = result = run(path, args)
            write_whole(result_file(path, args), json.dumps(result, indent=1).encode())
            print(table(rows), flush=True)
    print(table(rows))


if __name__ == '__main__':
    main()
