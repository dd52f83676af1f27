"""The model of an inferencer: which one it is, what is made of it, and mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from c2fseg.apis import AmodalInferencer, init_model
from c2fseg.apis.inference_model import builds_c2fseg, model_for_inference
from c2fseg.apis.init_model import load_config
from c2fseg.models.segmentors import C2FSeg
from c2fseg.registry import MODELS


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_a_model_that_is_built_is_optimized() -> None:
    model = model_for_inference('c2f_shapes')
    assert norms(model) == 0
    assert not model.training
    assert model.refiner.trunk[0].weight.dtype == torch.float32


def test_a_model_that_is_given_stays_trainable() -> None:
    given = init_model('c2f_shapes', 'weights/c2f_shapes.pth')
    model = model_for_inference(given)
    assert model is given
    assert norms(model) > 0
    assert model.train().training


def test_precision_of_the_arithmetic() -> None:
    model = model_for_inference('c2f_shapes', precision='bfloat16')
    assert model.test_cfg.autocast == 'bfloat16'
    assert model.refiner.trunk[0].weight.dtype == torch.bfloat16
    plain = model_for_inference('c2f_shapes', precision='float32')
    assert plain.test_cfg.autocast is None


@pytest.fixture
def derived() -> Iterator[str]:
    """Name of a registered class that is derived from C2FSeg."""

    class DerivedC2FSeg(C2FSeg):
        pass

    MODELS.register_module(module=DerivedC2FSeg)
    yield 'DerivedC2FSeg'
    MODELS.module_dict.pop('DerivedC2FSeg')


def test_a_derived_model_has_a_precision_too(derived: str) -> None:
    cfg = load_config('c2f_shapes', {'model.type': derived})
    model = model_for_inference(cfg, precision='bfloat16')
    assert type(model).__name__ == derived
    assert model.test_cfg.autocast == 'bfloat16'


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('C2FSeg', True),
        ('c2fseg.C2FSeg', True),
        ('c2fseg.models.segmentors.c2fseg.C2FSeg', True),
        (C2FSeg, True),
        ('TrivialPredictor', False),
        ('MaskVQGAN', False),
    ],
)
def test_the_class_decides_and_not_its_name(kind: str | type, expected: bool) -> None:
    assert builds_c2fseg(Config(dict(model=dict(type=kind)))) == expected


def test_bfloat16_gives_practically_the_same_masks() -> None:
    masks = []
    for precision in ('float32', 'bfloat16'):
        inferencer = AmodalInferencer('c2f_shapes', precision=precision)
        found = inferencer('demo/data', 'demo/data/annotations.json', progress=False)
        masks.append([
            one['amodal_mask'] for picture in found['predictions'] for one in picture['objects']
        ])  # fmt: skip
    ious = [(a & b).sum() / (a | b).sum() for a, b in zip(*masks)]
    assert len(ious) > 10
    assert np.mean(ious) > 0.99


def test_compiled_parts_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part goes through torch.compile once; what it makes of them is torch's business."""
    seen = []

    def compile_nothing(function: Callable, **options: object) -> Callable:
        def call(*args: object, **kwargs: object) -> object:
            seen.append(getattr(function, '__self__', function))
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(torch, 'compile', compile_nothing)
    inferencer = AmodalInferencer('c2f_shapes', compiled=True)
    model = inferencer.model
    found = inferencer('demo/data', 'demo/data/annotations.json', progress=False, batch_size=64)
    assert found['predictions'][0]['objects']
    parts = (model.backbone, model.refiner, model.tokenizer.encoder, model.tokenizer.decoder)
    assert [sum(one is part for one in seen) for part in (*parts, model.transformer)] == [1] * 5


def test_predictors_without_weights_have_nothing_to_optimize() -> None:
    assert not list(model_for_inference('trivial_hull_shapes').parameters())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(model='c2f_shapes', precision='float16'), "or None, got 'float16'"),
        (
            dict(model='trivial_hull_shapes', precision='bfloat16'),
            'neither a precision to choose nor parts to compile',
        ),
        (dict(model=nn.Linear(1, 1)), 'build it with init_model'),
    ],
)
def test_mistakes(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_for_inference(**arguments)


def test_precision_of_a_given_model_is_its_own() -> None:
    with pytest.raises(ValueError, match='one that is given has'):
        model_for_inference(init_model('c2f_shapes'), precision='bfloat16')
