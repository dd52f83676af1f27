"""Reading JSON lists in pieces: entries as json.load gives them, and messages on broken files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2fseg.utils import json_stream
from c2fseg.utils.json_stream import JsonListParser, iterate_json_list

VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), max_size=5),
    indent=st.sampled_from([None, 2]),
    size=st.integers(1, 9),
)
def test_pieces_give_what_json_gives(entries: list, indent: int | None, size: int) -> None:
    text = f' {json.dumps(entries, indent=indent)}\n'
    parser = JsonListParser('p.json')
    found = []
    for start in range(0, len(text), size):
        found += parser.feed(text[start : start + size])
    parser.close()
    assert found == entries


def test_a_file_is_read_piece_by_piece(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(json_stream, 'CHUNK', 7)
    path = tmp_path / 'p.json'
    entries = [{'image_id': number, 'name': 'å' * number} for number in range(9)]
    path.write_text(json.dumps(entries, ensure_ascii=False), encoding='utf-8')
    assert list(iterate_json_list(path, 'reading')) == entries


@pytest.mark.parametrize(
    ('text', 'kind', 'message'),
    [
        ('', ValueError, 'is empty'),
        ('{"images": []}', TypeError, 'expected a JSON list of entries .*got a dict'),
        ('hello', TypeError, "got 'hello'"),
        ('[{"a": 1}', ValueError, 'the list is not closed|entry 1'),
        ('[{"a": 1},', ValueError, 'entry 1'),
        ('[{"a": 1}, {"b": ]', ValueError, 'entry 1'),
        ('[{"a": 1} {"b": 2}]', ValueError, 'no comma after entry 1'),
        ('[{"a": 1}] []', ValueError, 'text after the list'),
        ('[' * 100_000, ValueError, 'is not JSON: entry 0: .*recursion'),
    ],
)
def test_broken_files(tmp_path, text: str, kind: type, message: str) -> None:
    path = tmp_path / 'broken.json'
    path.write_text(text)
    with pytest.raises(kind, match=message) as caught:
        list(iterate_json_list(path, 'reading'))
    assert 'broken.json' in str(caught.value)


def test_a_break_is_not_searched_for_its_end_for_ever(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(json_stream, 'LONGEST_ENTRY', 50)
    parser = JsonListParser('p.json')
    with pytest.raises(ValueError, match='entry 0'):
        parser.feed('[{"a": !' + 60 * ' ')


def test_other_text_than_utf_8(tmp_path) -> None:
    path = tmp_path / 'latin.json'
    path.write_bytes('["å"]'.encode('latin-1'))
    with pytest.raises(ValueError, match='not UTF-8'):
        list(iterate_json_list(path, 'reading'))
    with pytest.raises(FileNotFoundError, match='does not exist'):
        list(iterate_json_list(tmp_path / 'none.json', 'reading'))
    with pytest.raises(FileNotFoundError, match='is a folder: name a file'):
        list(iterate_json_list(tmp_path, 'reading'))
