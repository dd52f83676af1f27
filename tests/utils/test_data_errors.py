"""Errors in data are of their old kinds, and commands show them in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from c2fseg.datasets import KINSDataset
from c2fseg.utils.data_errors import DataError, DataKeyError, data_errors
from c2fseg.utils.launch import UserError, one_sentence_errors


@pytest.mark.parametrize('kind', [KeyError, TypeError, ValueError])
def test_kind_and_message_stay(kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught, data_errors(), data_errors():
        raise kind('annotation 3 of x.json')
    assert isinstance(caught.value, DataError)
    assert str(caught.value) == 'annotation 3 of x.json'
    assert type(caught.value.__cause__) is kind


def test_other_errors_pass() -> None:
    with pytest.raises(IndexError) as caught, data_errors():
        raise IndexError('5')
    assert not isinstance(caught.value, DataError)


def test_commands_show_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('C2FSEG_TRACEBACK', raising=False)
    file = tmp_path / 'train.json'
    file.write_text(json.dumps({'images': [], 'categories': []}))
    with pytest.raises(SystemExit) as caught, one_sentence_errors():
        KINSDataset(str(file))
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"error: {file}: key 'annotations' is missing, found ['categories', 'images']\n"
    )
    monkeypatch.setenv('C2FSEG_TRACEBACK', '1')
    with pytest.raises(DataKeyError), one_sentence_errors():
        KINSDataset(str(file))


def test_a_traceback_is_for_what_the_message_may_not_tell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('C2FSEG_TRACEBACK', raising=False)
    with pytest.raises(SystemExit, match='2'), one_sentence_errors(KeyError):
        raise KeyError('no "model"\nin it')
    assert capsys.readouterr().err == 'error: no "model" in it\n'
    monkeypatch.setenv('C2FSEG_TRACEBACK', '1')
    with pytest.raises(KeyError), one_sentence_errors(KeyError):
        raise KeyError('no "model"')
    with pytest.raises(SystemExit, match='2'), one_sentence_errors(KeyError):
        raise UserError('give another file')
