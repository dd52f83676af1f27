"""The prompt model: where it starts from, what it says of itself, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.models.prompting import PromptSegmentor
from c2fseg.models.prompting.prompt_decoder import PromptDecoder, prompt_similarity
from c2fseg.models.prompting.prompt_segmentor import whole_iou
from c2fseg.registry import MODELS
from c2fseg.structures import AmodalDataSample
from c2fseg.structures.prompts import draw_prompts

CHANNELS = (4, 8, 8, 16)
GENERAL = Path(__file__).parents[3] / 'weights' / 'c2f_general.pth'


def _model(**backbone: object) -> PromptSegmentor:
    torch.manual_seed(0)
    encoder = dict(type='LightEncoder', in_channels=5, channels=CHANNELS, blocks=(0, 0, 1, 1))
    return MODELS.build(
        dict(
            type='PromptSegmentor',
            backbone={**encoder, **backbone},
            decoder=dict(in_channels=CHANNELS, channels=(16, 16, 16, 16)),
        )
    )


def _batch() -> dict:
    """Two discs of one colour in one picture; each is asked for by a click."""
    rows, columns = np.mgrid[:64, :64]
    discs = [(rows - 20) ** 2 + (columns - x) ** 2 < 120 for x in (16, 46)]
    image = np.full((64, 64, 3), 40, np.uint8)
    image[discs[0] | discs[1]] = (220, 180, 30)
    img = torch.from_numpy(image).permute(2, 0, 1)[None]  # (T,3,h,w)
    data: dict = {'inputs': {'img': [], 'prompt': []}, 'data_samples': []}
    for x, disc in zip((16, 46), discs):
        maps = draw_prompts(None, np.array([[x, 20, 1.0]]), (0, 0, 64, 64), (64, 64))
        data['inputs']['img'].append(img)
        data['inputs']['prompt'].append(torch.from_numpy(maps).permute(2, 0, 1)[None])
        sample = AmodalDataSample(metainfo=dict(visible_share=1.0))
        sample.gt_crop_masks = PixelData(visible=torch.from_numpy(disc)[None].float())
        data['data_samples'].append(sample)
    return data


def test_it_learns_which_of_two_equal_things_was_clicked() -> None:
    model = _model()
    data = model.data_preprocessor(_batch())
    inputs, samples = data['inputs'], data['data_samples']
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(40):
        losses = model(inputs, samples, 'loss')
        optimizer.zero_grad()
        sum(value for key, value in losses.items() if key.startswith('loss')).backward()
        optimizer.step()
    assert float(losses['iou']) > 0.9
    found = model(inputs, samples, 'predict')
    assert found[0].pred_crop_masks.visible.shape == (1, 64, 64)
    assert abs(found[0].pred_score - 0.95) < 0.1


def test_the_encoder_starts_from_the_general_model() -> None:
    init = dict(type='Pretrained', checkpoint=str(GENERAL), prefix='backbone.')
    backbone = dict(type='LightEncoder', in_channels=5, init_cfg=init)
    model = MODELS.build(dict(type='PromptSegmentor', backbone=backbone, decoder={}))
    model.init_weights()
    weights = torch.load(GENERAL, weights_only=True)['state_dict']
    first = model.backbone.stages[0][0][0].weight
    assert torch.equal(first[:, :4], weights['backbone.stages.0.0.0.weight'].float())
    assert not first[:, 4].any()
    last = 'stages.3.2.conv2.1.running_var'
    assert torch.equal(model.backbone.state_dict()[last], weights[f'backbone.{last}'].float())


def test_the_score_counts_what_lies_outside_the_crop() -> None:
    logits = torch.full((2, 1, 4, 4), -1.0)
    logits[:, :, :2] = 1.0  # 8 px found
    target = torch.zeros(2, 1, 4, 4)
    target[:, :, :1] = 1.0  # 4 px true, all of the object or half of it
    assert torch.allclose(whole_iou(logits, target, [1.0, 0.5]), torch.tensor([4 / 8, 4 / 12]))


def test_features_are_compared_with_those_under_the_prompt() -> None:
    feat = torch.zeros(1, 2, 1, 3)
    feat[0, 0, 0, 0] = 2.0
    feat[0, 1, 0, 1] = 5.0
    feat[0, :, 0, 2] = 1.0
    prompt = torch.zeros(1, 2, 1, 3)
    prompt[0, 1, 0, 0] = 0.4
    prompt[0, 1, 0, 1] = -0.4
    similar = prompt_similarity(feat, prompt)[0, :, 0]  # (3,3)
    half = 0.5**0.5
    assert torch.allclose(similar, torch.tensor([[0, 0, 0], [1, 0, half], [0, 1, half]]))


def test_wrong_parts_are_named() -> None:
    with pytest.raises(ValueError, match='in_channels=5, got 4'):
        _model(in_channels=4)
    with pytest.raises(ValueError, match='four entries'):
        PromptDecoder(in_channels=(1, 2, 3))
    with pytest.raises(ValueError, match="'loss', 'predict' or 'tensor'"):
        _model()({}, None, 'train')
