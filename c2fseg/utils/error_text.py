"""What an error says to the person at the command line."""

from __future__ import annotations

import os


def error_text(error: BaseException) -> str:
    """Gives the message in one line.

    Args:
        error: Any; the message of a ``KeyError`` comes without the quotes that ``str`` adds.
    """
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return ' '.join(text.split())


def wants_traceback() -> bool:
    """Tells whether ``C2FSEG_TRACEBACK=1`` is in the environment: errors then come as they are."""
    return os.environ.get('C2FSEG_TRACEBACK') == '1'
