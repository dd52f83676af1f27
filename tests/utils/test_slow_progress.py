"""Items come through; the bar shows itself only when asked to be impatient."""

from __future__ import annotations

import pytest

from c2fseg.utils.slow_progress import track_if_slow


@pytest.mark.parametrize(('patience', 'shown'), [(-1.0, True), (1e9, False)])
def test_items_come_through(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    patience: float,
    shown: bool,
) -> None:
    monkeypatch.setenv('FORCE_COLOR', '1')  # as on a terminal
    found = list(track_if_slow(iter('abc'), 3, 'reading letters', patience))
    assert found == ['a', 'b', 'c']
    streams = capfd.readouterr()
    assert streams.out == ''
    assert ('reading letters' in streams.err) == shown


def test_errors_come_through() -> None:
    def broken():
        yield 1
        raise KeyError('two')

    with pytest.raises(KeyError, match='two'):
        list(track_if_slow(broken(), 2, 'reading', -1.0))
    assert list(track_if_slow([], 0, 'nothing')) == []


def test_an_early_end_takes_the_bar_away(capfd: pytest.CaptureFixture[str]) -> None:
    items = track_if_slow(range(10), 10, 'reading', -1.0)
    assert [next(items), next(items)] == [0, 1]
    items.close()
    list(track_if_slow(range(3), 3, 'again', -1.0))  # only one bar may live at a time
