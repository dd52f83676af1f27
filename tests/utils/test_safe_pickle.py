"""Plain pickles come back; whatever could run does not run."""

from __future__ import annotations

import collections
import contextlib
import datetime
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from c2fseg.utils.safe_pickle import KNOWN, load_plain_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def text(value: str) -> bytes:
    """The opcode of a short text."""
    coded = value.encode()
    return b'\x8c' + bytes([len(coded)]) + coded


def written(folder: Path, content: bytes) -> Path:
    path = folder / 'file.pkl'
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes, words: str) -> None:
    path = written(folder, content)
    with pytest.raises(ValueError, match=words) as caught:
        load_plain_pickle(path)
    message = str(caught.value)
    assert str(path) in message
    assert '\n' not in message
    assert len(message) < 500


# --- what comes back --------------------------------------------------------------------------

DTYPES = st.sampled_from(['?', 'u1', 'i2', '<i4', '>i4', 'i8', 'f4', '<f8', '>f8', 'S3', 'U2'])
ARRAYS = DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_side=0, max_side=3)))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
KEYS = st.integers() | st.text(max_size=3) | st.binary(max_size=3)
PLAIN = st.recursive(
    LEAVES | st.sets(st.integers(), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(content=PLAIN, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_plain_data_comes_back(tmp_path: Path, content: Any, protocol: int) -> None:
    back = load_plain_pickle(written(tmp_path, pickle.dumps(content, protocol)))
    assert back == content
    assert type(back) is type(content)


@given(array=ARRAYS, protocol=st.sampled_from(PROTOCOLS), fortran=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_arrays_come_back(tmp_path: Path, array: np.ndarray, protocol: int, fortran: bool) -> None:
    array = np.asfortranarray(array) if fortran else array
    scalar = array.ravel()[:1].tolist() and array.ravel()[0]
    content = {'array': array, 'again': array, 'scalar': scalar}
    back = load_plain_pickle(written(tmp_path, pickle.dumps(content, protocol)))
    np.testing.assert_array_equal(back['array'], array)
    assert back['array'].shape == array.shape
    # As numpy itself reads it; it may turn the byte order.
    assert back['array'].dtype == pickle.loads(pickle.dumps(array, protocol)).dtype
    assert back['array'] is back['again']
    assert isinstance(back['array'], np.ndarray)
    assert type(back['scalar']) is type(scalar)
    np.testing.assert_array_equal(back['scalar'], scalar)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_what_annotation_files_hold(tmp_path: Path, protocol: int) -> None:
    objects = np.empty((2, 2), object)
    objects[:] = [[{'a': 1}, None], ['text', np.arange(3)]]
    content = {
        'rle': [{'size': [320, 480], 'counts': b'mjg0?^96J6L2M4M2'}],
        'ordered': collections.OrderedDict(b=1, a=2),
        'box': np.array([1, 2, 3, 4]),
        'rate': np.float64(0.25),
        'flag': np.bool_(True),
        'objects': objects,
        'bytearray': bytearray(b'\x00\xff'),
        'frozen': frozenset([1]),
        'empty': (b'', '', [], np.zeros((0, 4)), np.array(3.5)),
    }
    content['itself'] = content
    back = load_plain_pickle(written(tmp_path, pickle.dumps(content, protocol)))
    assert back['rle'] == content['rle']
    assert type(back['ordered']) is dict
    assert list(back['ordered']) == ['b', 'a']
    assert back['box'].tolist() == [1, 2, 3, 4]
    back['box'][0] = 7  # not read-only
    assert type(back['rate']) is np.float64
    assert back['flag'] == np.bool_(True)
    assert back['objects'][0].tolist() == [{'a': 1}, None]
    assert back['objects'][1, 1].tolist() == [0, 1, 2]
    assert (back['bytearray'], back['frozen']) == (bytearray(b'\x00\xff'), {1})
    assert back['empty'][3].shape == (0, 4)
    assert back['empty'][4] == 3.5
    assert back['itself'] is back


def test_names_of_older_numpy(tmp_path: Path) -> None:
    old = pickle.dumps({'a': np.arange(3), 'b': np.float32(2)}, 2)
    old = old.replace(b'numpy._core', b'numpy.core')
    back = load_plain_pickle(written(tmp_path, old))
    assert back['a'].tolist() == [0, 1, 2]
    assert back['b'] == np.float32(2)


def python2_array() -> bytes:
    """``{'caf\\xe9': numpy.array([1, 200], 'uint8')}`` as Python 2 writes it, by hand."""
    return (
        b'\x80\x02}U\x04caf\xe9'
        b'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R'
        b'(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R'
        b'(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb'
        b'\x89U\x02\x01\xc8tbs.'
    )


def test_python_2(tmp_path: Path) -> None:
    path = written(tmp_path, python2_array())
    back = load_plain_pickle(path)
    assert {key: value.tolist() for key, value in back.items()} == {'caf\xe9': [1, 200]}
    assert back['caf\xe9'].dtype == np.uint8
    back = load_plain_pickle(path, encoding='bytes')
    assert {key: value.tolist() for key, value in back.items()} == {b'caf\xe9': [1, 200]}
    with pytest.raises(ValueError, match='UnicodeDecodeError'):
        load_plain_pickle(path, encoding='ascii')


# --- what is refused, with live payloads ------------------------------------------------------


class Trap:
    """Unpickling this would make a file."""

    def __init__(self, marker: Path, call: Any = os.system) -> None:
        self.marker, self.call = marker, call

    def __reduce__(self) -> tuple:
        return self.call, (f'echo ran > {self.marker}',)


@pytest.fixture
def marker(tmp_path: Path) -> Any:
    path = tmp_path / 'marker'
    yield path
    assert not path.exists()


def os_name() -> str:
    return f'{os.system.__module__}\n'  # posix, or nt


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('place', ['alone', 'value', 'key', 'array', 'deep array', 'set'])
def test_reduce(tmp_path: Path, marker: Path, protocol: int, place: str) -> None:
    trap = Trap(marker)
    array = np.array([1, trap], dtype=object)
    content = {
        'alone': trap,
        'value': {'a': [trap]},
        'key': {('a', trap): 1},
        'array': array,
        'deep array': np.array([None, [{'x': array}]], dtype=object),
        'set': {trap},
    }[place]
    refusal(tmp_path, pickle.dumps(content, protocol), r'the global (posix|nt)\.system; nothing')


def test_the_payload_is_alive(tmp_path: Path) -> None:
    path = tmp_path / 'made'
    pickle.loads(pickle.dumps(Trap(path)))
    assert path.exists()


def payloads(marker: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles by hand, each a way to a call or a change; name to (content, words of the error)."""
    command = f"S'echo ran > {marker}'\n".encode()
    system = os_name().encode() + b'system\n'
    dotted = b'\x80\x04' + text('numpy') + text('core.os.system') + b'\x93.'
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    known = b'cnumpy.core.multiarray\nscalar\n'
    return {
        'INST': (b'(' + command + b'i' + system + b'.', r'global (posix|nt)\.system'),
        'OBJ': (b'(c' + system + command + b'o.', r'global (posix|nt)\.system'),
        'GLOBAL and TUPLE1': (b'c' + system + command + b'\x85R.', r'global (posix|nt)\.system'),
        'STACK_GLOBAL': (b'\x80\x04' + text('os') + text('system') + b'\x93.', r'os\.system'),
        'dotted name': (dotted, r'the global numpy\.core\.os\.system'),
        'builtins': (b'cbuiltins\neval\n(' + command + b'tR.', r'builtins\.eval'),
        'Python 2': (b'c__builtin__\napply\n.', r'__builtin__\.apply'),
        'getattr': (b'cbuiltins\ngetattr\n(cos\nsystem\nS"x"\ntR.', r'builtins\.getattr'),
        'numpy.load': (b'cnumpy\nload\n(' + command + b'tR.', r'numpy\.load'),
        'copyreg': (b'ccopy_reg\n_reconstructor\n.', r'copy_reg\._reconstructor'),
        'class of the file': (b'c__main__\nThing\n)\x81.', r'__main__\.Thing'),
        'persistent id': (b'P' + b'12\n.', 'a reference .*12.* outside the file'),
        'binary persistent id': (command + b'Q.', 'a reference .* outside the file'),
        'other codec': (b'c_codecs\nencode\n(S"x"\nS"rot13"\ntR.', 'latin1, got .rot13'),
        'ndarray called': (b'cnumpy\nndarray\n((I3\ntS"O"\ntR.', 'a call of numpy.ndarray'),
        'ndarray subclassed': (b'\x80\x02cnumpy\nndarray\n)\x81.', 'NEWOBJ'),
        'other array class': (
            b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS"b"\ntR.',
            'another class than ndarray',
        ),
        'BUILD of a known name': (known + b'}S"_function"\nc' + system + b'sb.', r'\.system'),
        'BUILD of a known name with data': (known + b'}S"x"\nI1\nsb.', 'a change of a name'),
        'BUILD with slots': (known + b'(N}S"_function"\nI1\nstb.', 'a change of a name'),
        'BUILD of a dict': (b'}(N}S"__class__"\nI1\nstb.', 'must be set to a class'),
        'BUILD of a list': (b']}S"append"\nI1\nsb.', 'AttributeError'),
        'state of an array': (array + b'}S"__setstate__"\nI1\nsb.', 'no whole pickle'),
        'extension': (b'\x80\x02\x82\x01.', 'unregistered extension'),
    }


@pytest.mark.parametrize('name', payloads(Path('marker')))
def test_by_hand(tmp_path: Path, marker: Path, name: str) -> None:
    before = {key: (type(value), value._function) for key, value in KNOWN.items()}
    content, words = payloads(marker)[name]
    refusal(tmp_path, content, words)
    assert {key: (type(value), value._function) for key, value in KNOWN.items()} == before


def array_with(dtype: bytes, dtype_state: bytes, data: bytes, shape: bytes = b'(I2\nt') -> bytes:
    """A pickle of an array whose parts are given as opcodes."""
    return (
        b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS"b"\ntR'
        b'(I1\n' + shape + b'cnumpy\ndtype\n(' + dtype + b'I0\nI1\ntR' + dtype_state + b'I00\n'
    ) + data + b'tb.'  # fmt: skip


NUMBERS = b'(I3\nS"<"\nNNNI-1\nI-1\nI0\ntb'
OBJECTS = b'(I3\nS"|"\nNNNI-1\nI-1\nI63\ntb'


def test_the_array_by_hand_is_one(tmp_path: Path) -> None:
    good = array_with(b'S"i8"\n', NUMBERS, b'S"' + b'\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00' * 2
                      + b'"\n')  # fmt: skip
    assert load_plain_pickle(written(tmp_path, good)).tolist() == [1, 1]
    good = array_with(b'S"O8"\n', OBJECTS, b'(NI1\nl')
    assert load_plain_pickle(written(tmp_path, good)).tolist() == [None, 1]


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        # Bytes taken for pointers: numpy itself would read wherever they point to.
        (array_with(b'S"O8"\n', OBJECTS, b'S"' + b'A' * 16 + b'"\n'), 'content of another size'),
        (
            array_with(b'S"O8"\n', OBJECTS.replace(b'I63', b'I0'), b'S"' + b'A' * 16 + b'"\n'),
            'content of another size',
        ),
        (array_with(b'S"O8"\n', OBJECTS, b'(Nl'), 'content of another size'),
        (array_with(b'S"i8"\n', NUMBERS, b'S"short"\n'), 'content of another size'),
        (array_with(b'S"i8"\n', NUMBERS, b'(NNl'), 'an array holds bytes, got list'),
        (array_with(b'S"i8"\n', NUMBERS, b'S""\n', b'(I-1\nt'), r'an array of shape \(-1,\)'),
        (array_with(b'S"i8"\n', NUMBERS, b'S""\n', b'S"x"\n'), 'an array of shape'),
        (array_with(b'S"i8"\n', NUMBERS, b'S""\n', b'(L' + b'9' * 30 + b'L\nt'), 'another size'),
        (array_with(b'S"M8[s]"\n', NUMBERS, b'S""\n'), r"type 'M8\[s\]'"),
        (array_with(b'S"c16"\n', NUMBERS, b'S""\n'), "type 'c16'"),
        (array_with(b'S"i4,O"\n', NUMBERS, b'S""\n'), "type 'i4,O'"),
        (array_with(b'(S"a"\nS"O"\nt', NUMBERS, b'S""\n'), 'an array of type'),
        (
            array_with(b'S"i8"\n', b'(I3\nS"<"\nN(S"a"\nt}I8\nI1\nI0\ntb', b'S""\n'),
            'a structured array type',
        ),
        (array_with(b'S"i8"\n', NUMBERS.replace(b'"<"', b'"x"'), b'S""\n'), 'structured'),
        (b'cnumpy.core.multiarray\nscalar\n(S"i8"\nS"x"\ntR.', 'array type is expected, got str'),
        (
            b'cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S"O8"\ntRS"' + b'A' * 8 + b'"\ntR.',
            'a number of type object',
        ),
        (
            b'cnumpy.core.numeric\n_frombuffer\n(S"' + b'A' * 8 + b'"\ncnumpy\ndtype\n(S"O8"\n'
            b'tR(I1\ntS"C"\ntR.',
            'a buffer of object',
        ),
    ],
)
def test_arrays_that_lie(tmp_path: Path, content: bytes, words: str) -> None:
    refusal(tmp_path, content, words)


@pytest.mark.parametrize(
    'value', [complex(1, 2), datetime.date(2020, 1, 1), Path('x'), np.datetime64('2020')]
)
def test_other_values_are_refused(tmp_path: Path, value: Any) -> None:
    refusal(tmp_path, pickle.dumps([value]), 'expected plain data')


def test_a_refused_file_is_not_loaded_in_part(tmp_path: Path, marker: Path) -> None:
    with pytest.raises(ValueError, match='system'):
        load_plain_pickle(written(tmp_path, pickle.dumps([{'good': 1}, Trap(marker)])))


# --- files that are no pickles ----------------------------------------------------------------


def test_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / 'nowhere.pkl', tmp_path):
        with pytest.raises(FileNotFoundError, match='pickle file not found'):
            load_plain_pickle(path)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_truncated_at_any_place(tmp_path: Path, protocol: int) -> None:
    whole = pickle.dumps({'a': [np.arange(3), {'counts': b'abc'}], 'b': 1.5}, protocol)
    for length in range(len(whole) - 1):
        refusal(tmp_path, whole[:length], 'no whole pickle of plain data')


@given(content=st.binary(max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_data_or_a_value_error(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    with contextlib.suppress(ValueError):  # any other error fails
        load_plain_pickle(path)


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'{"json": 1}',
        b'PK\x03\x04 a zip file',
        b'\x93NUMPY\x01\x00v\x00{}',
        b'\x80\x04\x95' + struct.pack('<Q', 1 << 60) + b'N.',  # a frame longer than any memory
        b'\x80\x04\x8e' + struct.pack('<Q', 1 << 62) + b'x',  # so are these bytes
        b'\x80\x7fN.',  # a protocol to come
    ],
)
def test_no_pickle(tmp_path: Path, content: bytes) -> None:
    refusal(tmp_path, content, 'no whole pickle of plain data')
