"""Reading pickles that hold nothing but data.

A pickle is a program: ``pickle.load`` runs whatever it names. Published annotation files come as
pickles all the same. The reader here knows a short list of names; each stands for a function of
this file that builds plain data and can do nothing else, so numpy's own constructors, which trust
what they are given, never see the file's content unchecked.
"""

from __future__ import annotations

import math
import os
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

# Booleans, whole numbers, floats, byte and text strings, Python objects.
DTYPE = re.compile(r'[<>=|]?(b1|[iu][1248]|f[248]|[SU]\d{0,9}|O\d?)')
BYTE_ORDERS = ('<', '>', '=', '|')
DAMAGE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def load_plain_pickle(path: str | os.PathLike, encoding: str = 'latin1') -> Any:
    """Read a pickle of plain data.

    That is: dict (an OrderedDict becomes one), list, tuple, set, str, bytes, bytearray, int, float,
    bool, None, numpy arrays of numbers, strings or such objects, and numpy scalars. Arrays come as
    a subclass of ``np.ndarray`` without abilities of its own.

    Args:
        path: The file; protocols 0 to 5, written by Python 2 or 3.
        encoding: How text that Python 2 wrote is decoded; 'bytes' leaves it as bytes. numpy arrays
            of Python 2 need 'latin1'.

    Returns:
        The content.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it names anything else (the message says what; nothing of it was run), is
            truncated or damaged, or no pickle.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'pickle file not found: {os.fspath(path)}')
    with open(path, 'rb') as file:
        try:
            return _PlainUnpickler(file, encoding=encoding).load()
        except _ForbiddenError as error:
            raise ValueError(
                f'{os.fspath(path)}: expected plain data (dicts, lists, numbers, strings, numpy '
                f'arrays), got {error}; nothing of it was run: export the data as JSON where the '
                f'file was made'
            ) from None
        except DAMAGE as error:
            raise ValueError(
                f'{os.fspath(path)} is no whole pickle of plain data '
                f'({type(error).__name__}: {error}); fetch the file again'
            ) from error


class _ForbiddenError(pickle.UnpicklingError):
    """Says what a file named that is no data."""


class _PlainUnpickler(pickle.Unpickler):
    """Resolves names by ``KNOWN`` and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        found = KNOWN.get((module, name))
        if found is None:
            raise _ForbiddenError(f'the global {module}.{name}')
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise _ForbiddenError(f'a reference {pid!r} to something outside the file')


class _Builder:
    """What a name in a pickle stands for: it can be called, and neither changed nor subclassed.

    A pickle may also set attributes of whatever it names; a bare function would take them.
    """

    __slots__ = ('_function',)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, '_function', function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise _ForbiddenError(f'an assignment to {name!r}')

    def __setstate__(self, state: Any) -> None:
        raise _ForbiddenError('a change of a name that it uses')


class _Dtype:
    """A numpy dtype to be; numpy's own takes flags from a pickle that make it read anywhere."""

    __slots__ = ('_real',)

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        code = code.decode('ascii') if isinstance(code, bytes) else code
        match = DTYPE.fullmatch(code) if isinstance(code, str) else None
        if match is None:
            raise _ForbiddenError(f'an array of type {code!r}')
        self._real = np.dtype(object) if match[1].startswith('O') else np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        """Take the byte order; refuse fields and sub-arrays."""
        _, order, *parts = state
        order = order.decode('ascii') if isinstance(order, bytes) else order
        if order not in BYTE_ORDERS or any(part is not None for part in parts[:3]):
            raise _ForbiddenError(f'a structured array type {state!r}')
        self._real = self._real.newbyteorder(order)  # type: ignore[arg-type]

    def resolve(self) -> np.dtype:
        return self._real


class _Array(np.ndarray):
    """An array that checks what a pickle fills it with."""

    __slots__ = ()

    def __setstate__(self, state: tuple) -> None:
        shape, dtype, fortran, data = state[-4:]
        real = _resolve(dtype)
        sizes_fit = isinstance(shape, tuple) and all(type(side) is int for side in shape)
        if not sizes_fit or min(shape, default=0) < 0:
            raise pickle.UnpicklingError(f'an array of shape {shape!r}')
        number = math.prod(shape)
        if real.hasobject:
            fits = isinstance(data, list) and len(data) == number
        else:
            data = _as_bytes(data)
            fits = len(data) == number * real.itemsize
        if not fits:
            raise pickle.UnpicklingError(f'an array of shape {shape} with content of another size')
        state = (1, shape, real, fortran is True or fortran == 1, data)
        super().__setstate__(state)  # type: ignore[arg-type]


def _resolve(dtype: Any) -> np.dtype:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError(f'an array type is expected, got {type(dtype).__name__}')
    return dtype.resolve()


def _as_bytes(data: Any) -> bytes:
    """The content of an array; Python 2 wrote it as text."""
    if isinstance(data, str):
        return data.encode('latin1')
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    raise pickle.UnpicklingError(f'an array holds bytes, got {type(data).__name__}')


def _empty_array(kind: Any, shape: Any, code: Any) -> _Array:
    """numpy's ``_reconstruct``: an array that is filled in the next step."""
    if kind is not KNOWN['numpy', 'ndarray']:
        raise pickle.UnpicklingError('an array of another class than ndarray')
    return np.empty(0, np.int8).view(_Array)


def _array_from_buffer(
    data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
) -> np.ndarray:
    """numpy's ``_frombuffer``, of protocol 5."""
    real = _resolve(dtype)
    if real.hasobject or order not in ('C', 'F', 'A', 'K'):
        raise pickle.UnpicklingError(f'a buffer of {real} in order {order!r}')
    if real.itemsize == 0:
        return np.zeros(shape, real)
    # A copy, because the buffer of a bytes object cannot be written to.
    flat = np.frombuffer(_as_bytes(data), real).copy()
    if order == 'K':
        array = flat.reshape(shape, order='C')
        return array if axes is None else array.transpose(axes)
    return flat.reshape(shape, order=order)


def _scalar(dtype: Any, data: Any = b'') -> Any:
    """numpy's ``scalar``."""
    real = _resolve(dtype)
    data = _as_bytes(data)
    if real.hasobject or len(data) != real.itemsize:
        raise pickle.UnpicklingError(f'a number of type {real} with {len(data)} bytes')
    return np.frombuffer(data, real)[0] if data else real.type()


def _latin1_bytes(text: Any = '', encoding: Any = 'latin1') -> bytes:
    """Bytes as protocols 0 to 2 write them: text in Latin-1."""
    if not isinstance(text, str) or encoding not in ('latin1', 'latin-1'):
        raise pickle.UnpicklingError(f'bytes are text in latin1, got {encoding!r}')
    return text.encode('latin1')


def _bytearray(data: Any = b'', encoding: Any = 'latin-1') -> bytearray:
    return bytearray(data if isinstance(data, bytes) else _latin1_bytes(data, encoding))


def _dict(pairs: Any = ()) -> dict:
    return dict(pairs)


def _set(items: Any = ()) -> set:
    return set(_listed(items))


def _frozenset(items: Any = ()) -> frozenset:
    return frozenset(_listed(items))


def _listed(items: Any) -> list | tuple:
    if not isinstance(items, list | tuple):
        raise pickle.UnpicklingError(f'a set is made of a list, got {type(items).__name__}')
    return items


def _never(*args: Any) -> Any:
    """``ndarray`` is named in pickles, and called by none."""
    raise pickle.UnpicklingError('a call of numpy.ndarray')


KNOWN: dict[tuple[str, str], _Builder] = {
    ('collections', 'OrderedDict'): _Builder(_dict),
    ('_codecs', 'encode'): _Builder(_latin1_bytes),
    ('numpy', 'dtype'): _Builder(_Dtype),
    ('numpy', 'ndarray'): _Builder(_never),
}
for _module in ('builtins', '__builtin__'):
    KNOWN[_module, 'bytearray'] = _Builder(_bytearray)
    KNOWN[_module, 'bytes'] = _Builder(_latin1_bytes)
    KNOWN[_module, 'set'] = _Builder(_set)
    KNOWN[_module, 'frozenset'] = _Builder(_frozenset)
for _module in ('numpy.core', 'numpy._core'):
    KNOWN[f'{_module}.multiarray', '_reconstruct'] = _Builder(_empty_array)
    KNOWN[f'{_module}.multiarray', 'scalar'] = _Builder(_scalar)
    KNOWN[f'{_module}.numeric', '_frombuffer'] = _Builder(_array_from_buffer)
