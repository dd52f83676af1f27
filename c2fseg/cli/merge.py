"""``c2fseg merge DIR``: one set of JSON files out of what several processes wrote."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from c2fseg.utils.launch import one_sentence_errors


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Merge as the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description=(
            'Check that the processes of "c2fseg complete" did every picture once, and write '
            'predictions.json and errors.json.'
        ),
    )
    parser.add_argument('out_dir', help='the --out-dir of the processes')
    args = parser.parse_args(arguments)
    from c2fseg.apis.result_files import merge_results

    with one_sentence_errors(ValueError):
        counts = merge_results(args.out_dir)
    print(
        f'{counts["objects"]} objects in {counts["pictures"]} pictures, {counts["errors"]} errors.'
    )
    return 0
