"""Turns a pickle of plain data, such as Fishbowl's annotation files, into JSON.

Once is enough; data sets read either::

    python tools/dataset_converters/pickle_to_json.py data/fishbowl/train_data/train_data.pkl \\
        data/fishbowl/train_data/train_data.json

Nothing that the pickle names is run: a file that holds more than dicts, lists, numbers, strings and
numpy arrays is refused. Keys become strings, bytes (of run-length codes) text, tuples and arrays
lists, and numbers that JSON does not know (nan, infinity) null.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from c2fseg.utils.safe_pickle import load_plain_pickle
from c2fseg.utils.slow_progress import track_if_slow

TEMPORARY_SUFFIX = '.part'


def to_json_value(value: Any, where: str) -> Any:
    """Copies a value into what JSON can hold.

    Args:
        value: Plain data.
        where: Its place in the file, for messages.

    Returns:
        The same as dicts with text keys, lists, text, numbers and None.

    Raises:
        TypeError: For a value or a key of another kind.
        ValueError: For bytes that are not ASCII, or two keys of the same text.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode('ascii')
        except UnicodeDecodeError:
            raise ValueError(f'{where}: expected ASCII bytes, got {bytes(value[:40])!r}') from None
    if isinstance(value, np.ndarray | np.generic):
        return to_json_value(value.tolist(), where)
    if isinstance(value, list | tuple):
        return [to_json_value(item, f'{where}[{place}]') for place, item in enumerate(value)]
    if isinstance(value, dict):
        items = {}
        for key, item in value.items():
            text = key_text(key, where)
            if text in items:
                raise ValueError(f'{where}: two keys are {text!r} in JSON')
            items[text] = to_json_value(item, f'{where}[{text}]')
        return items
    raise TypeError(f'{where}: JSON cannot hold a {type(value).__name__}')


def key_text(key: Any, where: str) -> str:
    """Writes a key as text.

    Args:
        key: A whole number or text.
        where: Its place in the file, for messages.

    Returns:
        The text.

    Raises:
        TypeError: For another kind of key.
    """
    if isinstance(key, np.generic):
        key = key.item()
    if isinstance(key, bytes):
        return to_json_value(key, where)
    if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
        return str(key)
    raise TypeError(f'{where}: a key is text or a whole number, got {key!r}')


def json_pieces(content: Any) -> Iterator[str]:
    """Gives the text of the JSON file, a top-level entry at a time.

    Args:
        content: Plain data; a dict is emptied on the way, to save memory.

    Yields:
        Pieces of text.
    """
    if not isinstance(content, dict):
        yield json.dumps(to_json_value(content, 'content'), allow_nan=False)
        return
    seen = set()
    for number, key in enumerate(track_if_slow(list(content), len(content), 'writing')):
        text = key_text(key, 'content')
        if text in seen:
            raise ValueError(f'content: two keys are {text!r} in JSON')
        seen.add(text)
        value = json.dumps(to_json_value(content.pop(key), text), allow_nan=False)
        yield f'{"{" if number == 0 else ","}\n{json.dumps(text)}: {value}'
    yield '\n}\n' if seen else '{}\n'


def convert(source: Path, target: Path, encoding: str = 'latin1') -> int:
    """Converts a file; the target is written whole or not at all.

    Args:
        source: The pickle.
        target: The JSON file; its folder is made if need be.
        encoding: How text of Python 2 is decoded.

    Returns:
        Size of the target in bytes.

    Raises:
        FileNotFoundError, OSError, TypeError, ValueError: When reading or writing fails.
    """
    if source.resolve() == target.resolve():
        raise ValueError(f'{target} is the pickle itself: name another file')
    content = load_plain_pickle(source, encoding)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f'{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}')
    try:
        with temporary.open('w', encoding='utf-8') as file:
            for piece in json_pieces(content):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target.stat().st_size


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='pickle file')
    parser.add_argument('target', type=Path, help='JSON file to write')
    parser.add_argument(
        '--encoding',
        default='latin1',
        help='how text written by Python 2 is decoded (%(default)s)',
    )
    return parser.parse_args()


def main() -> None:
    """Converts what the command line names."""
    args = parse_args()
    try:
        size = convert(args.source, args.target, args.encoding)
    except (OSError, TypeError, ValueError) as error:
        sys.exit(f'pickle_to_json: {error}')
    print(f'{args.target}: {size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
