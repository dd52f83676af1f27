"""The model after optimize_for_inference: same masks, another form."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from c2fseg.apis.init_model import init_model
from c2fseg.models.utils import optimize_for_inference


def random_model(name: str, **options: object) -> nn.Module:
    """A model with random weights and BatchNorm statistics that folding has to take in."""
    torch.manual_seed(0)
    cfg_options = {f'model.{key}': value for key, value in options.items()}
    model = init_model(name, cfg_options=cfg_options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model


def inputs(frames: int = 1) -> dict[str, torch.Tensor]:
    """Two objects of 128 px."""
    generator = torch.Generator().manual_seed(1)
    visible = torch.zeros(2, frames, 1, 128, 128)
    visible[0, :, :, 30:90, 20:70] = 1
    visible[1, :, :, 64:, 10:50] = 1
    img = torch.randn(2, frames, 3, 128, 128, generator=generator)
    return dict(img=img, visible_mask=visible)


def complete(model: nn.Module, frames: int) -> dict[str, torch.Tensor]:
    """Probabilities with the same noise for every model."""
    generators = [torch.Generator().manual_seed(seed) for seed in (2, 3)]
    return model.complete(inputs(frames), generators)


PUBLISHED_TOKENIZER = dict(upsample='nearest', output_activation='clamp', patch_size=4)


@pytest.mark.parametrize(
    ('name', 'frames', 'options'),
    [
        ('c2f_shapes', 1, {}),
        ('c2f_shapes_video', 3, {}),
        ('c2f_shapes', 1, {f'tokenizer.{k}': v for k, v in PUBLISHED_TOKENIZER.items()}),
        ('lite/c2f_shapes_s', 1, {}),
    ],
)
def test_same_probabilities(name: str, frames: int, options: dict) -> None:
    model = random_model(name, **options)
    before = complete(model, frames)
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    after = complete(model.optimize_for_inference(), frames)
    assert norms > 0
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    for key, value in before.items():
        torch.testing.assert_close(after[key], value, rtol=1e-4, atol=2e-5)


def test_bfloat16_keeps_weights_of_products_in_it() -> None:
    model = random_model('c2f_shapes', **{'test_cfg.autocast': 'bfloat16'})
    before = complete(model, 1)
    after = complete(model.optimize_for_inference(), 1)
    products = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert {m.weight.dtype for m in products} == {torch.bfloat16}
    assert model.tokenizer.quantizer.codebook.dtype == torch.float32
    assert model.transformer.head.norm1.weight.dtype == torch.float32
    # Folding rounds the weights once more: the logits differ in the last digits of bfloat16.
    assert (after['amodal'] - before['amodal']).abs().mean() < 5e-3


def test_shipped_weights_give_the_same_masks_in_bfloat16() -> None:
    models = [init_model('c2f_shapes', 'weights/c2f_shapes.pth') for _ in range(2)]
    models[1].test_cfg = dataclasses.replace(models[1].test_cfg, autocast='bfloat16')
    models[1].optimize_for_inference()
    plain, low = (complete(model, 1)['amodal'] > 0.5 for model in models)
    assert plain.any()
    assert (plain & low).sum() / (plain | low).sum() > 0.98


def test_cannot_be_trained_or_loaded_afterwards() -> None:
    model = random_model('c2f_shapes')
    state = model.state_dict()
    model.optimize_for_inference()
    assert model.optimize_for_inference() is model
    assert not model.training
    with pytest.raises(RuntimeError, match='build it again to train it'):
        model.train()
    with pytest.raises(RuntimeError, match='Unexpected key'):
        model.load_state_dict(state)


def test_training_mode_is_refused() -> None:
    with pytest.raises(RuntimeError, match='call eval'):
        optimize_for_inference(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))
