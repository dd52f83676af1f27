"""The warning about slow low precision, with speeds that are made up."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from c2fseg.apis.inference_model import model_for_inference
from c2fseg.apis.init_model import init_model
from c2fseg.cli import train
from c2fseg.utils import low_precision

CPU = torch.device('cpu')


@pytest.fixture
def speeds(monkeypatch) -> dict[torch.dtype, float]:
    """GFLOP a second of both dtypes, to be set; what is measured is these."""
    values = {torch.bfloat16: 80.0, torch.float32: 150.0}
    monkeypatch.setattr(low_precision, '_product_speed', values.__getitem__)
    return values


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What was logged."""
    lines: list[str] = []
    monkeypatch.setattr(low_precision, 'print_log', lambda text, *rest: lines.append(text))
    return lines


def test_slower_is_said_with_both_speeds_and_the_remedy(speeds, said) -> None:
    assert low_precision.warn_if_slower(CPU, torch.bfloat16, 'do without it')
    assert said == [
        'bfloat16 is slower than float32 on this processor: matrix products run at 80 and 150 '
        'GFLOP/s; do without it'
    ]


@pytest.mark.parametrize('speed', [140.0, 151.0, 900.0])
def test_as_fast_or_faster_is_not(speeds, said, speed: float) -> None:
    speeds[torch.bfloat16] = speed
    assert not low_precision.warn_if_slower(CPU, torch.bfloat16, '')
    assert said == []


def test_the_random_numbers_that_follow_are_the_same() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    low_precision.warn_if_slower(CPU, torch.bfloat16, '')
    assert torch.equal(torch.rand(3), expected)


def test_a_gpu_is_not_measured(speeds, said) -> None:
    assert not low_precision.warn_if_slower(torch.device('cuda'), torch.bfloat16, '')


def test_speed_is_that_of_the_best_try_after_a_warm_up(monkeypatch) -> None:
    # Three products of 3, 2 and 4 seconds; the one before them is not on the clock.
    readings = iter([0.0, 3.0, 10.0, 12.0, 20.0, 24.0])
    monkeypatch.setattr(low_precision.time, 'perf_counter', lambda: next(readings))
    monkeypatch.setattr(low_precision, '_SIDE', 100)
    assert low_precision._product_speed(torch.float32) == pytest.approx(2 * 100**3 / 2 / 1e9)
    assert list(readings) == []


def test_utilities_do_without_the_benchmarks() -> None:
    files = (Path(low_precision.__file__).parents[1] / 'utils').glob('*.py')
    assert not [file for file in files if 'c2fseg.benchmarking' in file.read_text()]


def test_real_products_are_measured(said) -> None:
    # Which of both is faster depends on the machine; that it can be said does not.
    found = low_precision.warn_if_slower(CPU, torch.bfloat16, 'x')
    assert found == bool(said)


@pytest.mark.parametrize('precision', [None, 'float32', 'bfloat16'])
def test_an_inferencer_says_it_when_asked_for_bfloat16(speeds, said, precision) -> None:
    model_for_inference('c2f_general', device='cpu', precision=precision)
    assert len(said) == (precision == 'bfloat16')
    assert all(line.endswith('; precision float32 does without') for line in said)


@pytest.mark.parametrize(
    ('config', 'key'),
    [('vqgan_shapes', 'model.autocast'), ('c2f_shapes', 'model.train_cfg.autocast')],
)
def test_a_training_says_it_and_the_remedy_is_one(
    speeds, said, config: str, key: str, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr(train, 'check_files', lambda *args: None)
    trained = []

    class Runner:
        def __init__(self, cfg) -> None:
            from c2fseg.registry import MODELS

            for part in (cfg.model, cfg.model.get('tokenizer', {})):
                part.pop('init_cfg', None)
            self.model = MODELS.build(cfg.model)

        def train(self) -> None:
            trained.append(self.model)

    monkeypatch.setattr(train, 'build_runner', Runner)
    start = [config, '--work-dir', str(tmp_path)]
    train.main(start)
    assert len(said) == 1
    assert said[0].endswith(f'; --cfg-options {key}=None does without')
    train.main([*start, '--cfg-options', f'{key}=None'])
    assert len(said) == 1
    assert len(trained) == 2


def test_a_test_says_it_where_its_own_settings_ask_for_it(speeds, said) -> None:
    plain = init_model('c2f_shapes')
    low = init_model('c2f_shapes', cfg_options={'model.test_cfg.autocast': 'bfloat16'})
    # c2f_shapes trains in bfloat16; that is of no matter here, and neither is the tokenizer's own.
    for model, expected in ((plain, False), (low, True), (init_model('vqgan_shapes'), False)):
        assert low_precision.warn_of_slow_autocast(model, 'test') == expected
    assert [line.split('; ')[1] for line in said] == [
        '--cfg-options model.test_cfg.autocast=None does without'
    ]


def test_what_has_no_such_option_has_no_warning(speeds, said) -> None:
    assert not low_precision.warn_of_slow_autocast(torch.nn.Linear(1, 1), 'train')
    assert not low_precision.warn_of_slow_autocast(init_model('trivial_hull_shapes'), 'test')
