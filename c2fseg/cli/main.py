"""``c2fseg COMMAND ...``: finds the command and hands it the other arguments."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from c2fseg.utils.allocator import keep_freed_memory
from c2fseg.version import __version__

# Module of each command, with a function ``main(arguments, prog)``, and what it does.
COMMANDS = {
    'complete': ('c2fseg.cli.complete', 'complete the hidden parts of objects in pictures, videos'),
    'merge': ('c2fseg.cli.merge', 'join what several processes of complete wrote'),
    'train': ('c2fseg.cli.train', 'train a model'),
    'test': ('c2fseg.cli.test', 'test a model'),
}


def usage() -> str:
    """The help of the command itself."""
    width = max(map(len, COMMANDS))
    lines = [f'  {name:{width}}  {text}' for name, (_, text) in COMMANDS.items()]
    return '\n'.join(
        [
            'usage: c2fseg COMMAND ...',
            '       c2fseg COMMAND --help',
            '       c2fseg --version',
            '',
            'Amodal segmentation: from the visible part of an object to the whole of it.',
            '',
            'commands:',
            *lines,
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The command and its arguments; None takes those of the process.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] in (['-h'], ['--help']):
        print(usage())
        return 0
    if arguments == ['--version']:
        print(f'c2fseg {__version__}')
        return 0
    if not arguments or arguments[0] not in COMMANDS:
        what = f'c2fseg has no command {arguments[0]!r}' if arguments else 'a command is missing'
        print(f'{usage()}\n\nerror: {what}', file=sys.stderr)
        return 2
    keep_freed_memory()
    name, *rest = arguments
    module = importlib.import_module(COMMANDS[name][0])
    return module.main(rest, prog=f'c2fseg {name}') or 0
