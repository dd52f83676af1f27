"""The prediction file of an evaluation: a JSON list with one entry per object (and frame)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from c2fseg.utils.atomic_backend import write_whole


def check_prediction_path(path: str | os.PathLike) -> Path:
    """Returns ``path`` as a Path, after making sure early that it can name a prediction file.

    Raises:
        ValueError: It does not end in ``.json``, or it is a folder.
    """
    path = Path(path)
    if path.suffix != '.json':
        raise ValueError(f'The prediction file must end in .json, got {str(path)!r}.')
    if path.is_dir():
        raise ValueError(f'The prediction file {str(path)!r} is a folder; give a file name.')
    return path


def write_predictions(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Writes the entries to ``path`` whole or not at all.

    If anything fails, an earlier file at ``path`` stays as it was.

    Args:
        path: Where to write; missing folders are made.
        entries: JSON-ready dictionaries; NaN is refused, because JSON has no such number.

    Raises:
        TypeError: An entry holds something that JSON cannot express.
        ValueError: An entry holds NaN or an infinite number.
    """
    # One entry a line, so that the file can be read by eye and by diff.
    lines = ',\n'.join(json.dumps(entry, allow_nan=False) for entry in entries)
    write_whole(path, f'[\n{lines}\n]\n'.encode())
