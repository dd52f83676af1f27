"""The lists of C2F-Seg's released KINS and COCOA folders, and the pickles that they point into."""

from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from c2fseg.utils.data_errors import DataIndexError
from c2fseg.utils.safe_pickle import load_plain_pickle

from .flavours import read_json

# What every record of a pickle has.
RECORD_KEYS = ('pred_visible_mask', 'pred_visible_mask_bbox', 'gt_visible_mask', 'gt_full_mask')


class ListLine(NamedTuple):
    """A line of a list that names an object.

    Attributes:
        number: Its number in the file, from 1.
        text: What it says, without comment.
        where: 'line 3 of vq_train_list.txt'.
    """

    number: int
    text: str
    where: str


def read_list(path: str) -> list[ListLine]:
    """Read a list: an object a line, ``#`` starts a comment.

    Args:
        path: The list.

    Returns:
        Its lines, without empty ones.

    Raises:
        ValueError: A line holds white space, at which such lists are split.
    """
    lines = []
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, start=1):
            text = line.split('#', 1)[0].strip()
            where = f'line {number} of {path}'
            if len(text.split()) > 1:
                raise ValueError(
                    f'{where}: expected one entry without white space (the published lists are '
                    f'split there), got {text!r}'
                )
            if text:
                lines.append(ListLine(number, text, where))
    return lines


def whole_number(text: str, name: str, line: ListLine) -> int:
    """Read a field that is a number.

    Args:
        text: The field.
        name: What it is.
        line: Where it stands.

    Returns:
        The number, 0 or more.

    Raises:
        ValueError: It is none.
    """
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f'{line.where}: {name} is a whole number, got {text!r} in {line.text!r}')
    return int(text)


def unknown_form(line: ListLine, forms: str) -> ValueError:
    """Make the error for a line with another number of fields.

    Args:
        line: The line.
        forms: What was expected.
    """
    return ValueError(f'{line.where}: expected {forms}, got {line.text!r}')


class RecordFile:
    """A pickle (or its JSON form) of records: ``content[key][position]``.

    Args:
        path: ``.pkl``, ``.pickle``, or the ``.json`` that ``pickle_to_json.py`` makes of it.
        encoding: How text that Python 2 wrote into a pickle is decoded.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError, ValueError: It is neither, holds more than data, or is no dict.
    """

    def __init__(self, path: str, encoding: str = 'latin1') -> None:
        self.path = path
        if not osp.isfile(path):
            raise FileNotFoundError(f'pickle of the list not found: {path}')
        if path.endswith('.json'):
            content = read_json(path)
        elif path.endswith(('.pkl', '.pickle')):
            content = load_plain_pickle(path, encoding)
        else:
            raise ValueError(f'{path}: expected a file that ends in .pkl, .pickle or .json')
        if not isinstance(content, dict):
            raise TypeError(f'{path}: expected a dict of records, got {type(content).__name__}')
        self.content = content

    def find(self, key: str, position: int, line: ListLine) -> dict[str, Any]:
        """Give the record that a line means.

        Args:
            key: Key of the picture; a number may stand in the file as a number.
            position: Place among the picture's records.
            line: The line, for messages.

        Returns:
            The record, with all of ``RECORD_KEYS``.

        Raises:
            IndexError: The picture has no record at this position.
            KeyError: There is no such picture, or a key of the record is missing.
            TypeError: What is found there is no record.
        """
        records = self._of_picture(key, line)
        where = f'{line.where}: record {position} of {key!r} in {self.path}'
        if isinstance(records, Mapping):
            record = next((records[k] for k in (position, str(position)) if k in records), None)
        elif isinstance(records, Sequence | np.ndarray) and not isinstance(records, str | bytes):
            record = records[position] if position < len(records) else None
        else:
            raise TypeError(f'{line.where}: {key!r} in {self.path} is no list of records')
        if record is None:
            raise DataIndexError(f'{where}: the picture has {len(records)} records')
        if not isinstance(record, Mapping):
            raise TypeError(f'{where} is a dict, got {type(record).__name__}')
        for name in RECORD_KEYS:
            if name not in record:
                raise KeyError(f'{where}: key {name!r} is missing, found {sorted(record)}')
        return {name: plain(value) for name, value in record.items()}

    def _of_picture(self, key: str, line: ListLine) -> Any:
        spellings = [key, key.encode()]
        if key.isdecimal():
            spellings += [int(key), f'{int(key)}']
        for spelling in spellings:
            if spelling in self.content:
                return self.content[spelling]
        like = next(iter(self.content), None)
        raise KeyError(
            f'{line.where}: {self.path} has no key {key!r} ({len(self.content)} keys, the first is '
            f'{like!r}): list and pickle of one split belong together'
        )


def plain(value: Any) -> Any:
    """Turn arrays into lists, as masks are read.

    Args:
        value: Plain data.

    Returns:
        The same without numpy.
    """
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
