"""Files that are written whole: what becomes of the target where it cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from c2fseg.utils.atomic_backend import write_whole


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert write_whole(tmp_path / 'a b/ü/c.json', b'1') == tmp_path / 'a b/ü/c.json'
    write_whole(tmp_path / 'a b/ü/c.json', b'2', sync=False)
    assert [(path.name, path.read_bytes()) for path in tmp_path.rglob('*.*')] == [('c.json', b'2')]


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / 'out').mkdir()
    with pytest.raises(IsADirectoryError, match=r'out is a folder .*name a file'):
        write_whole(tmp_path / 'out', b'1')
    assert [path.name for path in tmp_path.iterdir()] == ['out']


@pytest.mark.parametrize('below', ['x.json', 'deeper/x.json'])
def test_a_file_in_the_place_of_a_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / 'out').write_text('kept')
    with pytest.raises(NotADirectoryError, match=r'x\.json cannot be written: .*out.* is a file'):
        write_whole(tmp_path / 'out' / below, b'1')
    assert (tmp_path / 'out').read_text() == 'kept'
