"""The parts of stage 2 agree with what the reference implementation returned.

The parts are those of the models under ``configs/official``, so these are the published ones.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import nn

from c2fseg.models.refiners import mask_guided_attention
from c2fseg.models.segmentors.official import (
    convert_encoder_state,
    convert_refiner_state,
    convert_transformer_state,
)
from c2fseg.models.segmentors.stage_losses import token_loss
from tests.models.segmentors.published_shapes import (
    encoder_shapes,
    refiner_shapes,
    transformer_shapes,
)
from tests.models.segmentors.recipes import CONFIGS, empty_model
from tests.parity_helpers import (
    ellipse_masks,
    formula_float,
    formula_ints,
    formula_weights,
    load_fixture,
)


def _assert_close(actual: torch.Tensor, expected: np.ndarray) -> None:
    """Agreement to 1e-4 of the largest number."""
    difference = np.abs(actual.numpy() - expected).max()
    assert difference <= 1e-4 * np.abs(expected).max()


def official_part(dataset: str, part: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """A part of the model of an official config, with these weights."""
    config = Config.fromfile(CONFIGS / f'official/c2f_{dataset}_official.py')
    module = getattr(empty_model(config), part)
    module.load_state_dict(state, strict=True, assign=True)
    return module.eval()


@pytest.fixture(scope='module')
def stages():
    weights = formula_weights('img_encoder', encoder_shapes())
    encoder = official_part('kins', 'backbone', convert_encoder_state(weights))
    with torch.no_grad():
        return encoder(torch.sigmoid(formula_float('image', (2, 3, 256, 256))))


def test_image_encoder_agrees(stages):
    expected = load_fixture('image_encoder')
    for index, feat in enumerate(stages):
        _assert_close(feat[:, :4, ::2, ::2], expected[f'stage{index + 1}'])


@torch.no_grad()
def test_refiner_agrees(stages):
    expected = load_fixture('refiner')
    weights = formula_weights('refine', refiner_shapes())
    refiner = official_part('kins', 'refiner', convert_refiner_state(weights))
    coarse = 0.9 * ellipse_masks()[0] + 0.05

    visible, amodal = refiner(stages, coarse)
    _assert_close(visible, expected['visible_logits'])
    _assert_close(amodal, expected['amodal_logits'])

    small = F.interpolate(coarse, size=(16, 16), mode='nearest')
    attention = mask_guided_attention(refiner.adapter4(stages[3]), small)
    _assert_close(attention, expected['attention_stage'])


@torch.no_grad()
def test_transformer_agrees():
    expected = load_fixture('image_transformer')
    weights = formula_weights('model', transformer_shapes())
    transformer = official_part('kins', 'transformer', convert_transformer_state(weights))
    feat = formula_float('stage4', (2, 2048, 16, 16)).unsqueeze(1)
    visible = formula_ints('visible_tokens', 256, (2, 256)).unsqueeze(1)
    tokens = formula_ints('amodal_tokens', 257, (2, 256)).unsqueeze(1)

    logits = transformer(feat, visible, tokens)
    _assert_close(logits[:, 0, ::8], expected['logits'])

    target = formula_ints('target_tokens', 256, (2, 256)).unsqueeze(1)
    loss = token_loss(logits, target, label_smoothing=0.1)
    assert float(loss) == pytest.approx(float(expected['smoothed_ce']), rel=1e-4)


@pytest.mark.parametrize(
    ('dataset', 'frames', 'codes'), [('movid_a', 24, 256), ('fishbowl', 32, 32)]
)
@torch.no_grad()
def test_video_transformer_agrees(dataset, frames, codes):
    name = f'video_transformer_{dataset}'
    weights = formula_weights('model', transformer_shapes(depth=8, codes=codes, video=True))
    transformer = official_part(dataset, 'transformer', convert_transformer_state(weights))
    feat = formula_float(f'{name}/stage4', (frames, 2048, 16, 16))[None]
    visible = formula_ints(f'{name}/visible_tokens', codes, (frames, 256))[None]
    tokens = formula_ints(f'{name}/amodal_tokens', codes + 1, (frames, 256))[None]

    logits = transformer(feat, visible, tokens)
    _assert_close(logits[0, :, ::32], load_fixture(name)['logits'])
