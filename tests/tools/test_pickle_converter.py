"""pickle_to_json: plain data only, the whole file or none."""

from __future__ import annotations

import collections
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .loading import TOOLS, load_tool


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    return load_tool('dataset_converters/pickle_to_json')


def converted(tool: ModuleType, folder: Path, content: Any) -> Any:
    source, target = folder / 'in.pkl', folder / 'out.json'
    source.write_bytes(pickle.dumps(content))
    size = tool.convert(source, target)
    assert size == target.stat().st_size
    text = target.read_text(encoding='utf-8')
    return json.loads(text, parse_constant=lambda name: pytest.fail(f'{name} is no JSON'))


def test_kinds_of_values(tool: ModuleType, tmp_path: Path) -> None:
    content = {
        'rle': [{'size': (320, 480), 'counts': b'mjg0?^9'}],
        7: {np.int64(3): np.float32(0.5), b'key': np.arange(4).reshape(2, 2)},
        'numbers': [np.nan, float('inf'), None, True, 10**20, np.bool_(False), np.float64('nan')],
        'text': 'Fische \u00fc',
        'empty': [(), {}, b'', np.zeros((0, 3))],
        'objects': np.array([{'a': b'x'}, None], dtype=object),
        'ordered': collections.OrderedDict(z=1, a=2),
    }
    found = converted(tool, tmp_path, content)
    assert found == {
        'rle': [{'size': [320, 480], 'counts': 'mjg0?^9'}],
        '7': {'3': 0.5, 'key': [[0, 1], [2, 3]]},
        'numbers': [None, None, None, True, 10**20, False, None],
        'text': 'Fische \u00fc',
        'empty': [[], {}, '', []],
        'objects': [{'a': 'x'}, None],
        'ordered': {'z': 1, 'a': 2},
    }
    assert list(found) == ['rle', '7', 'numbers', 'text', 'empty', 'objects', 'ordered']
    assert list(found['ordered']) == ['z', 'a']


@pytest.mark.parametrize('content', [{}, [], [1, {'a': None}], 'text', 3.5, None])
def test_any_top_level(tool: ModuleType, tmp_path: Path, content: Any) -> None:
    assert converted(tool, tmp_path, content) == content


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)  # fmt: skip


@given(content=JSON_VALUES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_json_can_say_comes_through(tool: ModuleType, tmp_path: Path, content: Any) -> None:
    assert converted(tool, tmp_path, content) == content


@pytest.mark.parametrize(
    ('content', 'error', 'words'),
    [
        ({'a': {1, 2}}, TypeError, r'a: JSON cannot hold a set'),
        ({'a': [{'b': {1}}]}, TypeError, r'a\[0\]\[b\]: JSON cannot hold a set'),
        ({(1, 2): 3}, TypeError, r'a key is text or a whole number, got \(1, 2\)'),
        ({True: 3}, TypeError, 'a key is text or a whole number, got True'),
        ({'a': {1.5: 3}}, TypeError, r'a: a key is .* got 1\.5'),
        ({1: 2, '1': 3}, ValueError, "two keys are '1'"),
        ({'a': {1: 2, '1': 3}}, ValueError, "a: two keys are '1'"),
        ({'good': 1, 'a': b'\xff'}, ValueError, 'a: expected ASCII bytes'),
    ],
)
def test_what_json_cannot_say_leaves_no_file(
    tool: ModuleType, tmp_path: Path, content: Any, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        converted(tool, tmp_path, content)
    assert [path.name for path in tmp_path.iterdir()] == ['in.pkl']


def test_a_failure_leaves_the_former_file(tool: ModuleType, tmp_path: Path) -> None:
    converted(tool, tmp_path, {'a': 1})
    with pytest.raises(TypeError):
        converted(tool, tmp_path, {'a': 1, 'b': {2}})
    assert json.loads((tmp_path / 'out.json').read_text()) == {'a': 1}
    assert len(list(tmp_path.iterdir())) == 2


def test_the_pickle_is_not_overwritten(tool: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / 'in.pkl'
    source.write_bytes(pickle.dumps({}))
    with pytest.raises(ValueError, match='is the pickle itself'):
        tool.convert(source, tmp_path / '..' / tmp_path.name / 'in.pkl')


class Trap:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


def test_command_line(tmp_path: Path) -> None:
    """Good, evil and missing files; messages are one line without a traceback."""
    source, evil, target = tmp_path / 'in.pkl', tmp_path / 'evil.pkl', tmp_path / 'new' / 'out.json'
    source.write_bytes(pickle.dumps({'00012_3': {5: {'VM': [{'size': [1, 2], 'counts': b'11'}]}}}))
    evil.write_bytes(pickle.dumps({'a': Trap(tmp_path / 'made')}))
    script = str(TOOLS / 'dataset_converters' / 'pickle_to_json.py')

    def run(*arguments: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, script, *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=TOOLS.parent,
            env=os.environ | {'PYTHONPATH': str(TOOLS.parent)},
        )  # fmt: skip

    done = run(source, target)
    assert (done.returncode, done.stderr) == (0, '')
    assert str(target) in done.stdout
    assert json.loads(target.read_text()) == {
        '00012_3': {'5': {'VM': [{'size': [1, 2], 'counts': '11'}]}}
    }
    done = run(evil, tmp_path / 'evil.json')
    assert done.returncode == 1
    assert done.stderr.startswith(f'pickle_to_json: {evil}: expected plain data')
    assert done.stderr.count('\n') == 1
    assert not (tmp_path / 'made').exists()
    assert not (tmp_path / 'evil.json').exists()
    done = run(tmp_path / 'nowhere.pkl', target)
    assert done.returncode == 1
    assert 'pickle file not found' in done.stderr
