"""Values by key on the command line: ``--cfg-options KEY=VALUE ...``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction


def parse_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    """Reads ``KEY=VALUE`` pairs, values as MMEngine does: numbers, flags, None, lists, words.

    Args:
        pairs: What the command line gives.

    Returns:
        Values by key.

    Raises:
        ValueError: There is no such pair, or brackets of a value do not match.
    """
    wrong = [pair for pair in pairs if not pair.partition('=')[0] or '=' not in pair]
    if wrong:
        raise ValueError(
            f'expected KEY=VALUE pairs, such as model.decoder.num_steps=2, got {" ".join(wrong)!r}'
        )
    holder = argparse.Namespace()
    for pair in pairs:
        try:
            DictAction(['--values'], 'values')(argparse.ArgumentParser(), holder, [pair])
        except AssertionError as error:
            raise ValueError(f'expected brackets in pairs, got {pair!r}') from error
    return dict(getattr(holder, 'values', {}))


class PairsAction(argparse.Action):
    """Collects ``KEY=VALUE`` pairs of an option in a dict; later ones replace earlier ones.

    As MMEngine's ``DictAction``, but what is no pair ends the program with a sentence.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str],
        option_string: str | None = None,
    ) -> None:
        """Adds the pairs.

        Raises:
            argparse.ArgumentError: One is no pair; the parser prints it and ends the program.
        """
        try:
            found = parse_pairs(values)
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from error
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), **found})
