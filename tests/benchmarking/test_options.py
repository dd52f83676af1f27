"""Options of the benchmarks: variants, keys of the config, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from c2fseg.benchmarking.options import OptionError, SubjectOptions, list_subjects, parse_variant
from c2fseg.benchmarking.subject import Subject
from c2fseg.benchmarking.subject_config import load_subject_config
from c2fseg.models.segmentors import C2FSeg
from c2fseg.registry import MODELS
from c2fseg.utils.launch import UserError
from tests.tools.tiny_model import write_tiny_config


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    return write_tiny_config(tmp_path / 'tiny.py')


def test_variants() -> None:
    name, values = parse_variant(['fast', 'dtype=bfloat16', 'model.decoder.num_steps=1'])
    [base, fast] = list_subjects(['a.py'], [(name, values)], cfg_options={'x.y': 2})
    assert base == SubjectOptions('a.py', 'a.py', cfg_options={'x.y': 2})
    assert fast.name == 'a.py [fast]'
    assert fast.dtype == 'bfloat16'
    assert fast.cfg_options == {'x.y': 2, 'model.decoder.num_steps': 1}


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['fast'], 'takes a name and pairs'),
        (['dtype=bfloat16'], 'takes a name and pairs'),
        (['fast', 'dtype=half'], 'dtype must be float32 or bfloat16'),
        (['fast', 'dtype=[float32,bfloat16]'], 'dtype must be float32 or bfloat16'),
        (['fast', 'frames=12'], 'fast: frames cannot vary; a variant takes batch_size'),
        (['fast', 'device=cuda'], 'device cannot vary; a variant takes batch_size'),
        (['fast', 'compile=1'], 'compile must be true or false'),
        (['fast', 'batch_size=0'], 'at least 1, got 0'),
        (['fast', 'a=[1,2'], 'fast: expected brackets in pairs'),
    ],
)
def test_bad_variants_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_variant(words)


@pytest.mark.parametrize(
    'values',
    [
        {'model.test_cfg.autocast': None},
        {'x.y': 1, 'model.train_cfg.autocast': 'bfloat16'},
        {'model.test_cfg': {'autocast': 'bfloat16'}},
        {'model': {'test_cfg': {'autocast': 'bfloat16'}}},
    ],
)
def test_autocast_is_for_the_dtype_to_set(values: dict) -> None:
    words = r'model\.(test|train)_cfg\.autocast cannot be given.*use --dtype'
    with pytest.raises(OptionError, match=words):
        SubjectOptions('a.py', 'a', cfg_options=values)
    with pytest.raises(OptionError, match=words):
        list_subjects(['a.py'], [('low', values)])


def test_keys_that_nothing_reads_are_named(tiny_config: Path) -> None:
    tiny_config.write_text(f'{tiny_config.read_text()}\nmax_iters = 3\n')
    for key in ('optimise', 'modle.decoder.num_steps', 'max_iters'):
        options = SubjectOptions(str(tiny_config), 'a [b]', cfg_options={key: False})
        with pytest.raises(OptionError) as caught:
            load_subject_config(options)
        text = str(caught.value)
        assert text.startswith(f'a [b]: nothing would read {key.split(".")[0]}; a variant takes ')
        assert 'optimize' in text
        assert len(text) < 300
    options = SubjectOptions(
        str(tiny_config), 'a', cfg_options={'data_preprocessor.type': 'X', 'model.a': 1}
    )
    cfg = load_subject_config(options)
    assert (cfg.data_preprocessor.type, cfg.model.a) == ('X', 1)


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'model': 3}, r'got 3'),
        ({'model.test_cfg': 3}, 'int'),
        ({'model.decoder.num_step': 3}, "argument 'num_step'"),
        ({'model.decoder.num_steps': 0}, 'num_steps must be a whole number of at least 1, got 0'),
        ({'model.test_cfg.autcast': True}, r"unknown keys \['autcast'\]"),
        ({'model.type': 'Nope'}, 'Nope is not in'),
    ],
)
def test_models_that_cannot_be_built_are_named(
    values: dict, words: str, tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('C2FSEG_TRACEBACK', raising=False)
    options = SubjectOptions(str(tiny_config), 'a [b]', cfg_options=values)
    with pytest.raises(UserError, match=rf'^a \[b\] cannot be built: .*{words}.*; mend the config'):
        Subject(options)
    monkeypatch.setenv('C2FSEG_TRACEBACK', '1')
    with pytest.raises((KeyError, TypeError, ValueError)):
        Subject(options)


def test_optimizers_that_cannot_be_built_are_named(
    tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('C2FSEG_TRACEBACK', raising=False)
    values = {'optim_wrapper.optimizer.lrr': 1}
    with pytest.raises(UserError, match=r'a cannot be built: .*lrr'):
        Subject(SubjectOptions(str(tiny_config), 'a', cfg_options=values)).count_train()


def test_the_dtype_reaches_a_derived_model(tiny_config: Path) -> None:
    class DerivedC2FSeg(C2FSeg):
        pass

    MODELS.register_module(module=DerivedC2FSeg)
    try:
        options = SubjectOptions(
            str(tiny_config), 'a', dtype='bfloat16', cfg_options={'model.type': 'DerivedC2FSeg'}
        )
        model = Subject(options).model
    finally:
        MODELS.module_dict.pop('DerivedC2FSeg')
    assert type(model) is DerivedC2FSeg
    assert model.test_cfg.autocast == model.train_cfg.autocast == 'bfloat16'


def test_a_model_without_precisions_takes_float32_alone(tmp_path: Path) -> None:
    path = tmp_path / 'hull.py'
    path.write_text("model = dict(type='TrivialPredictor', method='visible')\n")
    assert load_subject_config(SubjectOptions(str(path), 'a')).model.get('test_cfg') is None
    with pytest.raises(OptionError, match='a: TrivialPredictor has no precision to choose'):
        load_subject_config(SubjectOptions(str(path), 'a', dtype='bfloat16'))
