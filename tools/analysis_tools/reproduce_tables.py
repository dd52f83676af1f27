r"""The paper's tables by one command, the published numbers beside those of this library.

Examples; ``docs/reproduce.md`` has more, with their output::

    # Tables 1, 2 and 3 of the supplement on all data sets below data/ (trains what has no weights)
    python tools/analysis_tools/reproduce_tables.py --data-root data
    # Table 1 of one model that is there already: nothing is trained
    python tools/analysis_tools/reproduce_tables.py --data-root data --dataset shapes --tables 1 \
        --checkpoints shapes/full=weights/c2f_shapes.pth

The configs are those of ``configs/ablations/<data set>``. Every training and every test leaves its
result in ``--work-dir``, so an interrupted call goes on where it was; the tables are written there
as ``tables.md`` and ``tables.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from c2fseg.engine import InvalidLossError
from c2fseg.reproduction import (
    TABLES,
    Plan,
    RunSettings,
    find_families,
    format_tables,
    has_configs,
    make_plan,
    run_plan,
    tables_as_data,
)
from c2fseg.reproduction.execution import Result
from c2fseg.reproduction.plan import Evaluation
from c2fseg.utils.atomic_backend import write_whole
from c2fseg.utils.launch import UserError, one_sentence_errors
from c2fseg.utils.option_action import PairsAction

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'ablations'
SUPPLEMENT = ('1', '2', '3')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="The paper's tables, published and repeated.")
    parser.add_argument(
        '--data-root', required=True, type=Path, metavar='DIR',
        help='folder with the data sets (KINS, MOViD_A, shapes, ...), or one of them',
    )  # fmt: skip
    parser.add_argument(
        '--tables', nargs='+', metavar='TABLE',
        help=f'which of {", ".join(TABLES)} (default: 1, 2 and 3 as far as the data allow)',
    )  # fmt: skip
    parser.add_argument(
        '--dataset', nargs='+', metavar='NAME',
        help='folders of configs/ablations (default: all whose data are there)',
    )  # fmt: skip
    parser.add_argument(
        '--checkpoints', nargs='+', default=[], metavar='NAME=FILE',
        help='weights of configs that are only to be evaluated, such as kins/full=FILE',
    )  # fmt: skip
    parser.add_argument('--max-iters', type=int, help='iterations of every training')
    parser.add_argument(
        '--seeds', nargs='+', type=int, default=[0], metavar='SEED',
        help='seeds of the decoding; with several, cells show mean and standard deviation',
    )  # fmt: skip
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/reproduce'))
    parser.add_argument('--dry-run', action='store_true', help='say what would be run, and stop')
    parser.add_argument(
        '--cfg-options', nargs='+', action=PairsAction, metavar='KEY=VALUE',
        help='overrides for every run, such as test_dataloader.dataset.indices=100',
    )  # fmt: skip
    return parser.parse_args(arguments)


def read_plan(args: argparse.Namespace) -> Plan:
    """Finds out what the command line asks for.

    Args:
        args: The command line.

    Returns:
        The plan, its files checked.

    Raises:
        UserError: Something that is asked for is unknown or missing.
    """
    unknown = [name for name in args.tables or () if name not in TABLES]
    if unknown:
        raise UserError(f'--tables {unknown[0]}: expected some of {", ".join(TABLES)}.')
    if args.max_iters is not None and args.max_iters < 1:
        raise UserError(f'--max-iters {args.max_iters}: expected at least 1.')
    if min(args.seeds) < 0:
        raise UserError(f'--seeds {min(args.seeds)}: expected at least 0.')
    if Path(args.work_dir).is_file():
        raise UserError(f'--work-dir {args.work_dir} is a file: name a folder.')
    settings = RunSettings(
        args.work_dir, args.max_iters, args.cfg_options or {}, tuple(dict.fromkeys(args.seeds))
    )
    families = find_families(CONFIGS, args.data_root, args.dataset)
    asked = args.tables or [n for n in SUPPLEMENT if has_configs(TABLES[n], families)]
    tables = [TABLES[name] for name in dict.fromkeys(asked)]
    plan = make_plan(families, tables, args.checkpoints, settings)
    plan.check()
    return plan


def write_tables(plan: Plan, results: Mapping[Evaluation, Result]) -> None:
    """Writes ``tables.md`` and ``tables.json`` into the work directory.

    Args:
        plan: The plan.
        results: Those that there are.
    """
    folder = plan.settings.work_dir
    write_whole(folder / 'tables.md', format_tables(plan, results).encode())
    data = json.dumps(tables_as_data(plan, results), indent=1, allow_nan=False)
    write_whole(folder / 'tables.json', data.encode())


def main(arguments: list[str] | None = None) -> None:
    """Runs what is missing and prints the tables."""
    args = parse_args(arguments)
    with one_sentence_errors(InvalidLossError):
        plan = read_plan(args)
        print(plan.describe(), flush=True)
        if args.dry_run:
            return
        results = run_plan(
            plan,
            say=lambda text: print(text, flush=True),
            finished=lambda so_far: write_tables(plan, so_far),
        )
        print(f'\n{format_tables(plan, results)}')
        print(f'Written to {plan.settings.work_dir}/tables.md and tables.json')


if __name__ == '__main__':
    main()
