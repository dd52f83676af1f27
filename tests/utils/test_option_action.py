"""Pairs on the command line: what they become, and what is no pair."""

from __future__ import annotations

import argparse

import pytest

from c2fseg.utils.option_action import PairsAction, parse_pairs


def parser(**options) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    made.add_argument('--cfg-options', nargs='+', action=PairsAction, **options)
    return made


def test_values_are_read_as_mmengine_does() -> None:
    pairs = ['a=1', 'b.c=0.5', 'd=true', 'e=None', 'f=[1,(2,x)]', 'g=h=i', 'j=']
    assert parse_pairs(pairs) == {
        'a': 1, 'b.c': 0.5, 'd': True, 'e': None, 'f': [1, (2, 'x')], 'g': 'h=i', 'j': '',
    }  # fmt: skip


def test_an_option_may_come_again_and_leaves_its_default_alone() -> None:
    default: dict = {}
    arguments = ['--cfg-options', 'a=1', 'b=2', '--cfg-options', 'b=3']
    assert parser(default=default).parse_args(arguments).cfg_options == {'a': 1, 'b': 3}
    assert default == {}
    assert parser().parse_args([]).cfg_options is None


@pytest.mark.parametrize(
    ('pairs', 'words'),
    [
        (['a=1', 'noequals'], "expected KEY=VALUE pairs, .*, got 'noequals'"),
        (['=1'], "expected KEY=VALUE pairs, .*, got '=1'"),
        (['a=[1,2'], r"expected brackets in pairs, got 'a=\[1,2'"),
    ],
)
def test_what_is_no_pair_ends_the_program(
    pairs: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=words):
        parse_pairs(pairs)
    with pytest.raises(SystemExit, match='2'):
        parser().parse_args(['--cfg-options', *pairs])
    assert 'error: argument --cfg-options: expected' in capsys.readouterr().err
