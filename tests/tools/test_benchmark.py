"""tools/analysis_tools/benchmark.py on a tiny model: keys, counts that a hand can check, errors."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn import functional as F

from c2fseg.utils.measure import PartClock, count_flops, measure_peak, resident_peak_mb
from tests.tools.loading import load_tool

TINY_CONFIG = """
default_scope = 'c2fseg'
model = dict(
    type='C2FSeg',
    backbone=dict(type='LightEncoder'),
    tokenizer=dict(
        type='MaskAutoencoder',
        mask_size=128,
        base_channels=8,
        channel_multipliers=(1, 1),
        num_encoder_blocks=1,
        num_decoder_blocks=1,
        num_middle_blocks=1,
        latent_channels=8,
        codebook_size=16,
        patch_size=4,
        norm_groups=4,
    ),
    transformer=dict(
        type='MaskedTransformer',
        feature_dims=16,
        visible_dims=8,
        amodal_dims=8,
        depth=1,
        num_heads=2,
    ),
    refiner=dict(type='ConvRefiner', feature_dims=8, channels=(8, 8, 8, 8)),
    decoder=dict(scheduler=dict(type='CosineMaskScheduler'), num_steps=2),
    feature_channels=CHANNELS,
)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
test_dataloader = dict(dataset=dict(pipeline=[dict(type='CropObject', crop_size=128)]))
"""


@pytest.fixture(scope='module')
def benchmark() -> ModuleType:
    return load_tool('analysis_tools/benchmark')


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    from c2fseg.models.backbones import LightEncoder

    with torch.no_grad():
        channels = tuple(x.shape[1] for x in LightEncoder().eval()(torch.zeros(1, 3, 128, 128)))
    path = tmp_path / 'tiny.py'
    path.write_text(TINY_CONFIG.replace('CHANNELS', repr(channels)))
    return path


def test_json_holds_the_promised_keys(
    benchmark: ModuleType, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / 'other.py'
    other.write_text(tiny_config.read_text().replace('num_steps=2', 'num_steps=3'))
    out = tmp_path / 'new' / 'speed.json'
    benchmark.main(
        [str(tiny_config), str(other), '--batch-size', '2', '--repeats', '1', '--json', str(out)]
    )
    results = json.loads(out.read_text())
    assert list(results) == [str(tiny_config), str(other)]
    assert [path.name for path in out.parent.iterdir()] == ['speed.json']
    for path, steps in ((tiny_config, 2), (other, 3)):
        result = results[str(path)]
        parts = result['parts']
        assert parts['transformer_step']['calls'] == steps
        assert {'tokenizer_encode', 'tokenizer_decode', 'backbone', 'refiner', 'paste'} <= set(
            parts
        )
        for key in ('seconds_per_object', 'gflop_per_object', 'peak_gflop_per_second'):
            assert result[key] > 0
        assert result['train_seconds_per_sample'] > 0
        assert result['peak_memory_mb'] > 50  # no interpreter with torch is smaller
        for key, total in (('seconds', 'seconds_per_object'), ('gflop', 'gflop_per_object')):
            assert sum(part[key] for part in parts.values()) == pytest.approx(result[total])
    step = 'transformer_step'
    two, three = (results[str(path)]['parts'][step]['gflop'] for path in (tiny_config, other))
    assert three == pytest.approx(1.5 * two)
    text = capsys.readouterr().out
    assert str(tiny_config) in text
    assert 'matrix product peak' in text


def test_a_clip_is_measured_whole_and_by_frame(
    benchmark: ModuleType, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'speed.json'
    benchmark.main([str(tiny_config), '--frames', '3', '--repeats', '1', '--json', str(out)])
    result = json.loads(out.read_text())[str(tiny_config)]
    assert result['frames'] == 3
    assert result['seconds_per_frame'] == pytest.approx(result['seconds_per_object'] / 3)
    text = capsys.readouterr().out
    assert 'per clip of 3 frames:' in text
    assert 'one frame ' in text
    assert ' s/clip' in text


def test_a_clip_costs_as_much_as_its_frames_and_its_attention(
    benchmark: ModuleType, tiny_config: Path
) -> None:
    block = "block=dict(type='SpatioTemporalBlock', window_frames=2)"
    tiny_config.write_text(
        tiny_config.read_text().replace('num_heads=2,', f'num_heads=2, {block},')
    )
    flop = {}
    for frames in (1, 3):
        args = benchmark.parse_args([str(tiny_config), '--frames', str(frames)])
        subject = benchmark.Subject(str(tiny_config), args)
        subject.count()
        flop[frames] = subject.flop
    for part in ('backbone', 'refiner', 'tokenizer_encode', 'tokenizer_decode'):
        assert flop[3][part] == 3 * flop[1][part]
    # Three frames are two windows of two, the last one filled up.
    assert flop[3]['transformer_step'] > 3 * flop[1]['transformer_step']


def test_model_is_as_before_afterwards(benchmark: ModuleType, tiny_config: Path) -> None:
    args = benchmark.parse_args([str(tiny_config), '--dtype', 'bfloat16'])
    subject = benchmark.Subject(str(tiny_config), args)
    assert subject.model.test_cfg.autocast == 'bfloat16'
    subject.count()
    assert 'encode' not in vars(subject.model.tokenizer)
    assert 'forward' not in vars(subject.model.refiner)


def test_counts_two_operations_per_multiplication() -> None:
    clock = PartClock(torch.device('cpu'))
    layer = clock.timed('layer', torch.nn.Linear(30, 50, bias=False))
    with torch.no_grad(), count_flops() as clock.counter:
        layer(torch.zeros(7, 30))
    assert clock.flop == {'layer': 2 * 7 * 30 * 50}


def test_attention_is_counted_on_the_cpu() -> None:
    query = torch.zeros(1, 2, 10, 8)
    with torch.no_grad(), count_flops() as counter:
        F.scaled_dot_product_attention(query, query, query)
    # Two products of (10 x 8) by (8 x 10) and (10 x 10) by (10 x 8), two heads.
    assert counter.get_total_flops() == 2 * (2 * 10 * 8 * 10 + 2 * 10 * 10 * 8)


def test_a_part_inside_a_part_is_not_counted_twice() -> None:
    clock = PartClock(torch.device('cpu'))
    inner = clock.timed('inner', lambda: 1)
    outer = clock.timed('outer', lambda: inner() + 1)
    assert outer() == 2
    assert clock.calls == {'outer': 1}


def test_peak_and_memory_are_plausible() -> None:
    assert measure_peak(torch.device('cpu'), torch.float32) > 0.1
    assert resident_peak_mb() > 50


def test_stage_one_config_is_refused(benchmark: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / 'stage1.py'
    path.write_text("model = dict(type='TrivialPredictor', method='visible')\n")
    with pytest.raises(SystemExit, match='models of stage 2'):
        benchmark.main([str(path)])


def test_config_without_crop_is_refused(benchmark: ModuleType, tiny_config: Path) -> None:
    tiny_config.write_text(tiny_config.read_text().replace('CropObject', 'LoadFrames'))
    with pytest.raises(ValueError, match='no CropObject'):
        benchmark.main([str(tiny_config)])


def test_bad_numbers_are_refused(benchmark: ModuleType) -> None:
    with pytest.raises(SystemExit):
        benchmark.parse_args(['a.py', '--batch-size', '0'])
