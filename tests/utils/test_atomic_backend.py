"""Files that are written whole: what becomes of the target where it cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from c2fseg.utils.atomic_backend import check_writable, write_whole


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


def test_a_check_ahead_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / 'kept.json').write_text('kept')
    check_writable(None, tmp_path / 'kept.json', tmp_path / 'new/deeper/x.json')
    assert [path.name for path in tmp_path.iterdir()] == ['kept.json']
    assert (tmp_path / 'kept.json').read_text() == 'kept'


@pytest.mark.parametrize(
    ('path', 'words'),
    [
        ('.', 'is a folder'),
        ('file/x.json', r'x\.json cannot be written: .*file on its way is a file'),
        ('file/deeper/x.json', 'file on its way is a file'),
        (f'{"x" * 250}', r'cannot be written: nothing can be made in .* \(File name too long\)'),
        ('/proc/new/x.json', 'cannot be written: nothing can be made in /proc'),
    ],
)
def test_a_check_ahead_finds_what_cannot_be_written(path: str, words: str, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('kept')
    if path.startswith('/proc') and not Path('/proc/self').exists():
        pytest.skip('no /proc here')
    with pytest.raises(OSError, match=words):
        check_writable(tmp_path / path)
    assert [path.name for path in tmp_path.iterdir()] == ['file']
