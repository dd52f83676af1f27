"""Reading a long JSON list entry by entry, so that the file never lies in memory whole."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from c2fseg.utils.slow_progress import track_if_slow

CHUNK = 1 << 20  # characters read at a time
LONGEST_ENTRY = 1 << 24  # what stays unreadable for longer is broken, not unfinished
_SPACE = ' \t\n\r'


class JsonListParser:
    """Takes the text of a JSON list piece by piece and gives its entries as they are complete.

    Args:
        name: Name of the file, for messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._decoder = json.JSONDecoder()
        self._text = ''
        self._begun = self._ended = False
        self._number = 0

    def feed(self, text: str) -> list[Any]:
        """Takes more text.

        Args:
            text: What follows the text so far.

        Returns:
            The entries that are complete now.

        Raises:
            TypeError: The file is JSON, perhaps, but no list.
            ValueError: It is not JSON.
        """
        self._text += text
        entries, position = [], self._begin()
        while self._begun and not self._ended:
            position = self._skip_space(position)
            separated = self._number == 0 or self._text[position : position + 1] == ','
            if self._text[position : position + 1] == ']':
                self._ended = True
                position += 1
                break
            start = position if self._number == 0 else self._skip_space(position + 1)
            if start >= len(self._text):
                break
            if not separated:
                raise ValueError(f'{self.name} is not JSON: no comma after entry {self._number}')
            try:
                entry, end = self._decoder.raw_decode(self._text, start)
            except json.JSONDecodeError as error:
                if len(self._text) - error.pos > LONGEST_ENTRY:
                    raise ValueError(self._broken(error)) from error
                break  # it may go on in the next piece
            except RecursionError as error:
                raise ValueError(
                    f'{self.name} is not JSON: entry {self._number}: {error}'
                ) from error
            entries.append(entry)
            self._number += 1
            position = end
        self._text = self._text[position:]
        if self._ended and self._text.strip(_SPACE):
            raise ValueError(f'{self.name} is not JSON: there is text after the list')
        return entries

    def close(self) -> None:
        """Ends the text.

        Raises:
            ValueError: The list is not complete.
        """
        if self._ended:
            return
        if not self._begun:
            raise ValueError(f'{self.name} is empty: expected a JSON list of entries')
        rest = self._text.lstrip(_SPACE).removeprefix(',').lstrip(_SPACE)
        try:
            self._decoder.raw_decode(rest)
        except json.JSONDecodeError as error:
            raise ValueError(self._broken(error)) from error
        raise ValueError(f'{self.name} is not JSON: the list is not closed')

    def _begin(self) -> int:
        """Finds the bracket that opens the list; returns where to go on."""
        if self._begun:
            return 0
        position = self._skip_space(0)
        if position == len(self._text):
            return position
        if self._text[position] != '[':
            kind = 'a dict' if self._text[position] == '{' else f'{self._text[position:][:20]!r}'
            raise TypeError(
                f'{self.name}: expected a JSON list of entries (COCO results), got {kind}'
            )
        self._begun = True
        return position + 1

    def _skip_space(self, position: int) -> int:
        while position < len(self._text) and self._text[position] in _SPACE:
            position += 1
        return position

    def _broken(self, error: json.JSONDecodeError) -> str:
        return f'{self.name} is not JSON: entry {self._number}: {error.msg}'


def iterate_json_list(path: str | os.PathLike, description: str) -> Iterator[Any]:
    """Yields the entries of a JSON list; a progress bar appears where that takes long.

    Args:
        path: The file.
        description: What stands before the bar.

    Yields:
        The entries, one by one.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: It holds something else than a list.
        ValueError: It is not JSON, or not UTF-8.
    """
    path = Path(path)
    if not path.is_file():
        what = 'is a folder: name a file' if path.is_dir() else 'does not exist'
        raise FileNotFoundError(f'The file {path} {what}.')
    parser = JsonListParser(str(path))
    pieces = math.ceil(path.stat().st_size / CHUNK)
    with path.open(encoding='utf-8') as file:
        texts = iter(lambda: _read(file, path), '')
        for text in track_if_slow(texts, pieces, description):
            yield from parser.feed(text)
    parser.close()


def _read(file: Any, path: Path) -> str:
    try:
        return file.read(CHUNK)
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not JSON: it is not UTF-8 text ({error.reason})') from error
