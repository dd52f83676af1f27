"""Rates of clients, and the folder that the page leaves files in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from c2fseg.web import temp_folder
from c2fseg.web.rate_limits import RateLimiter
from c2fseg.web.temp_folder import TempFolder


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills_up_again() -> None:
    clock = Clock()
    limiter = RateLimiter(6, clock=clock)  # one token in 10 s
    assert [limiter.take('a') for _ in range(6)] == [0] * 6
    assert limiter.take('a') == pytest.approx(10)
    assert limiter.take('b') == 0  # each client has its own
    clock.now += 4
    assert limiter.take('a') == pytest.approx(6)  # asking in vain costs nothing
    clock.now += 6.01
    assert limiter.take('a') == 0
    clock.now += 1e6  # no more than a full bucket is saved
    assert [limiter.take('a') == 0 for _ in range(7)] == [True] * 6 + [False]


def test_the_memory_for_clients_is_bounded() -> None:
    limiter = RateLimiter(1, max_clients=3, clock=Clock())
    for number in range(50):
        limiter.take(str(number))
    assert limiter.num_clients == 3
    assert limiter.take('49') > 0  # one of the last is remembered


def test_wrong_rates_are_refused() -> None:
    with pytest.raises(ValueError, match='at least 1, got 0'):
        RateLimiter(0)


@pytest.fixture
def folder() -> Iterator[TempFolder]:
    with TempFolder(max_age=100, max_bytes=1000, every=1000) as one:
        yield one


def test_the_folder_takes_temporary_files_and_goes() -> None:
    before = tempfile.gettempdir()
    with TempFolder() as folder:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            assert Path(file.name).parent == folder.path
        assert folder.path.is_dir()
    assert not folder.path.exists()
    assert tempfile.gettempdir() == before


def test_old_files_go_and_kept_ones_stay(
    folder: TempFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.path / 'sample').write_text('x')
    folder.keep_all()
    (folder.path / 'sub').mkdir()
    (folder.path / 'sub' / 'upload').write_text('x')
    assert folder.sweep() == 0
    later = temp_folder.time.time() + 101
    monkeypatch.setattr(temp_folder.time, 'time', lambda: later)
    assert folder.sweep() == 1
    assert [path.name for path in folder.files()] == ['sample']


def test_the_folder_is_full_at_its_limit(folder: TempFolder) -> None:
    assert not folder.full()
    (folder.path / 'a').write_bytes(b'0' * 999)
    assert not folder.full()
    (folder.path / 'b').write_bytes(b'0')
    assert folder.full()


def test_only_paths_in_the_folder_are_contained(folder: TempFolder, tmp_path: Path) -> None:
    (folder.path / 'link').symlink_to('/etc/passwd')
    inside = str(folder.path / 'a')
    assert folder.contains(inside)
    outside = [
        '/etc/passwd',
        'etc/passwd',
        '',
        f'{folder.path}/../x',
        f'{folder.path}x/a',
        f'{folder.path}/link',
        '/\0',
        'x' * 100_000,
        os.getcwd(),
    ]
    assert not any(folder.contains(name) for name in outside)
