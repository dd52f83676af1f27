"""Shapes, cost and errors of the mask tokenizer and its light variant."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

from c2fseg.models.tokenizers import MaskAutoencoder
from c2fseg.models.tokenizers.decoder import MaskDecoder
from c2fseg.registry import TOKENIZERS

CONFIGS = Path(__file__).parents[3] / 'configs'


def _light(**args):
    cfg = Config.fromfile(CONFIGS / '_base_/models/tokenizer_light.py').tokenizer
    return TOKENIZERS.build({**cfg, **args})


@pytest.mark.parametrize(('size', 'patch'), [(128, 4), (256, 8)])
def test_light_variant_costs_about_one_gflop(size, patch):
    model = _light(mask_size=size, patch_size=patch)
    with FlopCounterMode(display=False) as counter:
        output = model(torch.zeros(1, 1, size, size))
    assert output.raw.shape == (1, 1, size, size)
    assert model.grid_size == (16, 16)
    assert 0.5e9 < counter.get_total_flops() < 1.1e9
    assert sum(p.numel() for p in model.parameters()) < 1.4e6


def test_published_numbers_are_the_defaults():
    cfg = dict(Config.fromfile(CONFIGS / '_base_/models/tokenizer_published.py').tokenizer)
    cfg.pop('type')
    with torch.device('meta'):
        by_default, by_config = MaskAutoencoder(), MaskAutoencoder(**cfg)
    shapes = {key: value.shape for key, value in by_default.state_dict().items()}
    assert shapes == {key: value.shape for key, value in by_config.state_dict().items()}
    assert by_default.grid_size == (16, 16)
    assert by_default.codebook_size == 256


def test_encode_and_decode(tiny_autoencoder, masks):
    model = TOKENIZERS.build(tiny_autoencoder)
    tokens = model.encode(masks)
    assert tokens.shape == (4, 64)
    assert tokens.dtype == torch.int64
    decoded = model.decode(tokens)
    assert decoded.shape == masks.shape
    assert 0 <= decoded.min() <= decoded.max() <= 1
    assert not decoded.requires_grad
    # The same in evaluation mode, nothing counted, and the same as the training pass.
    assert torch.equal(model.eval().encode(masks), tokens)
    assert int(model.quantizer.num_passes) == 0
    torch.testing.assert_close(model(masks).mask, decoded)
    assert torch.equal(model(masks).tokens, tokens)


def test_clamped_output_keeps_its_gradient_in_training(tiny_autoencoder, masks):
    tiny_autoencoder['output_activation'] = 'clamp'
    model = TOKENIZERS.build(tiny_autoencoder)
    model.decoder.conv_out.bias.data.fill_(5.0)
    output = model(masks)
    assert torch.equal(output.mask, output.raw)
    assert output.raw.min() > 1
    assert model.decode(output.tokens).max() == 1


def test_masks_need_not_be_square(tiny_autoencoder):
    model = TOKENIZERS.build({**tiny_autoencoder, 'mask_size': (32, 64)})
    assert model.grid_size == (8, 16)
    assert model.decode(model.encode(torch.zeros(1, 1, 32, 64))).shape == (1, 1, 32, 64)


def test_bfloat16_autocast_gives_full_precision_results(tiny_autoencoder, masks):
    model = TOKENIZERS.build(tiny_autoencoder)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = model(masks)
    assert output.raw.dtype == torch.float32
    assert output.codebook_loss.dtype == torch.float32


def test_errors_say_what_is_wrong(tiny_autoencoder):
    model = TOKENIZERS.build(tiny_autoencoder)
    with pytest.raises(ValueError, match=r'\(M, 1, 32, 32\), got \(1, 1, 16, 16\)'):
        model.encode(torch.zeros(1, 1, 16, 16))
    with pytest.raises(ValueError, match=r'shape \(M, 64\)'):
        model.decode(torch.zeros(1, 10, dtype=torch.int64))
    with pytest.raises(ValueError, match=r'\[0, 15\]'):
        model.decode(torch.full((1, 64), 16))
    for change, message in [
        ({'mask_size': 30}, 'multiple of the stride 4'),
        ({'norm_groups': 5}, '16 channels do not split into 5 groups'),
        ({'output_activation': 'tanh'}, "got 'tanh'"),
        ({'upsample': 'bilinear'}, "got 'bilinear'"),
    ]:
        with pytest.raises(ValueError, match=message):
            TOKENIZERS.build({**tiny_autoencoder, **change})


def test_decoder_levels_run_from_low_to_high_resolution():
    decoder = MaskDecoder(in_channels=4, base_channels=8, channel_multipliers=(1, 2), norm_groups=4)
    assert decoder.levels[0].blocks[0].conv1.in_channels == 16
    assert decoder.levels[1].blocks[-1].conv2.out_channels == 8
    assert decoder(torch.zeros(1, 4, 3, 3)).shape == (1, 1, 6, 6)
