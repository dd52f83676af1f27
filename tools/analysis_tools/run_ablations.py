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
import math
import time
from pathlib import Path
from typing import Any

from c2fseg.reproduction.report import find_score
from c2fseg.reproduction.runs import (
    named_runner,
    plain_options,
    read_result,
    shorten,
    write_result,
)
from c2fseg.utils.launch import check_files, load_config, one_sentence_errors
from c2fseg.utils.option_action import PairsAction

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
        '--cfg-options', nargs='+', action=PairsAction, metavar='KEY=VALUE',
        help='overrides for every run',
    )  # fmt: skip
    return parser.parse_args(arguments)


def run(path: str, args: argparse.Namespace) -> dict[str, Any]:
    """Trains and tests one config.

    Args:
        path: The config file.
        args: The command line.

    Returns:
        The metrics of the test, with the training's ``seconds``, ``max_iters`` and ``samples``
        (objects, or clips), and its ``config`` and ``options``.
    """
    config = load_config(path, args.cfg_options, str(Path(args.work_dir) / Path(path).stem))
    check_files(config, 'train', 'val', 'test')
    shorten(config, args.max_iters)
    runner = named_runner(config, Path(path).stem)
    start = time.perf_counter()
    runner.train()
    seconds = time.perf_counter() - start
    metrics = runner.test()
    samples = args.max_iters * config.train_dataloader.batch_size
    return {**metrics, **settings(path, args), 'seconds': seconds, 'samples': samples}


def settings(path: str, args: argparse.Namespace) -> dict[str, Any]:
    """What makes a run the one it is: its config, length and overrides."""
    return {
        'config': str(Path(path).resolve()),
        'max_iters': args.max_iters,
        'options': plain_options(args.cfg_options),
    }


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


def main(arguments: list[str] | None = None) -> None:
    """Runs the family and prints the table."""
    args = parse_args(arguments)
    rows: dict[str, dict[str, Any]] = {}
    with one_sentence_errors():
        stored = [
            read_result(result_file(path, args), settings(path, args)) for path in args.configs
        ]
        for path, result in zip(args.configs, stored):
            if result is not None:
                rows[Path(path).stem] = result
                continue
            rows[Path(path).stem] = result = run(path, args)
            write_result(result_file(path, args), result)
            print(table(rows), flush=True)
    print(table(rows))


if __name__ == '__main__':
    main()
