"""Errors in the user's data, told from errors in the program.

They are the ``KeyError``, ``TypeError`` or ``ValueError`` that the reading of a file ends in, and
besides a :class:`DataError`, so that a command shows their message without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class DataError(Exception):
    """A file is wrong; the message names it and says where."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would put it in quotes


class DataIndexError(DataError, IndexError):
    """A place is named that a file does not have; raised as such, for lists of places."""


class DataKeyError(DataError, KeyError):
    """A key is missing."""


class DataTypeError(DataError, TypeError):
    """Something is of another kind than expected."""


class DataValueError(DataError, ValueError):
    """A value is wrong."""


@contextmanager
def data_errors() -> Iterator[None]:
    """Marks the errors that come up while a file is read.

    Raises:
        DataKeyError, DataTypeError, DataValueError: In place of the error of the same kind.
    """
    try:
        yield
    except DataError:
        raise
    except KeyError as error:
        raise DataKeyError(error.args[0] if error.args else '') from error
    except TypeError as error:
        raise DataTypeError(str(error)) from error
    except ValueError as error:
        raise DataValueError(str(error)) from error
