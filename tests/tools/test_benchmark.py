"""tools/analysis_tools/benchmark.py on a tiny model: keys, counts that a hand can check, errors."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from c2fseg.apis import init_model
from c2fseg.benchmarking import comparison, inputs, made_data, peaks
from c2fseg.benchmarking import subject as subjects
from c2fseg.benchmarking.measure import PartClock, count_flops, instrumented, resident_peak_mb
from c2fseg.benchmarking.options import OptionError, SubjectOptions
from c2fseg.benchmarking.reference import compare_with_reference
from c2fseg.benchmarking.subject import Subject, measure_memory
from c2fseg.benchmarking.tables import format_ratios
from c2fseg.benchmarking.traffic import TrafficCounter
from c2fseg.models.segmentors import C2FSeg
from tests.tools.loading import load_tool
from tests.tools.tiny_model import write_tiny_config


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool, without the process that measures memory and with small peaks."""
    tool = load_tool('analysis_tools/benchmark')
    monkeypatch.setattr(tool, 'measure_memory', lambda options: 100.0 * options.batch_size)
    monkeypatch.setitem(peaks._COPIES, 'cpu', (1024**2, 1))
    monkeypatch.setitem(peaks._PRODUCTS, 'cpu', (256, 1))
    return tool


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    return write_tiny_config(tmp_path / 'tiny.py')


@pytest.fixture
def checkpoint(tiny_config: Path, tmp_path: Path) -> str:
    path = tmp_path / 'tiny.pth'
    torch.save(dict(state_dict=init_model(tiny_config).state_dict()), path)
    return str(path)


def test_json_holds_the_promised_keys(
    benchmark: ModuleType, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / 'other.py'
    other.write_text(tiny_config.read_text().replace('num_steps=2', 'num_steps=3'))
    out = tmp_path / 'new' / 'speed.json'
    benchmark.main(
        [str(tiny_config), str(other), '--batch-size', '2', '--repeats', '2', '--json', str(out)]
    )
    results = json.loads(out.read_text())
    assert list(results) == [str(tiny_config), str(other)]
    assert [path.name for path in out.parent.iterdir()] == ['speed.json']
    totals = dict(seconds='seconds_per_object', gflop='gflop_per_object', bytes='bytes_per_object')
    for path, steps in ((tiny_config, 2), (other, 3)):
        result = results[str(path)]
        parts = result['parts']
        assert parts['transformer_step']['calls'] == steps
        assert {'tokenizer_encode', 'tokenizer_decode', 'backbone', 'refiner', 'paste'} <= set(
            parts
        )
        for key in ('peak_gflop_per_second', 'peak_gigabytes_per_second', *totals.values()):
            assert result[key] > 0
        assert result['train_seconds_per_sample'] > 0
        # A training step passes through the networks forwards and backwards.
        assert result['train_gflop_per_sample'] > result['gflop_per_object']
        for key, total in totals.items():
            assert sum(part[key] for part in parts.values()) == pytest.approx(result[total])
        assert parts['paste']['bound'] == 'memory'
    step = 'transformer_step'
    two, three = (results[str(path)]['parts'][step] for path in (tiny_config, other))
    ratios = results[str(other)]['ratios']
    for key in ('gflop', 'megabytes'):
        assert three[key] == pytest.approx(1.5 * two[key])
        assert ratios['parts'][step][key] == pytest.approx(1.5)
    assert ratios['parts']['backbone']['gflop'] == 1
    assert ratios['agreement'] is None  # random weights
    span = ratios['seconds']
    assert span['lowest'] <= span['median'] <= span['highest']
    text = capsys.readouterr().out
    for words in ('matrix product peak', 'memory bandwidth peak', 'another machine', 'ratios of 2'):
        assert words in text


def test_same_config_under_other_options(
    benchmark: ModuleType,
    tiny_config: Path,
    checkpoint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / 'speed.json'
    config = str(tiny_config)
    base = [config, config, '--repeats', '1', '--skip-train', '--checkpoint', checkpoint]
    base += ['--compare-objects', '2']
    benchmark.main([*base, '--variant', 'b', 'batch_size=3', '--json', str(out)])
    results = json.loads(out.read_text())
    names = [config, f'{config} [b]', f'{config} (2)', f'{config} [b] (2)']
    assert list(results) == names
    assert [one['batch_size'] for one in results.values()] == [1, 3, 1, 3]
    for name in names[1:]:
        ratios = results[name]['ratios']
        assert ratios['gflop'] == pytest.approx(1)  # of an object, not of a batch
        assert ratios['agreement']['objects'] == 2
        assert ratios['agreement']['mean_iou'] == 1
        assert ratios['agreement']['changed_pixels'] == 0
        assert ratios['train_seconds'] is None
    assert results[names[1]]['ratios']['peak_memory'] == 3
    assert 'final masks of 2 drawn objects' in capsys.readouterr().out


def test_a_clip_is_measured_whole_and_by_frame(
    benchmark: ModuleType, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'speed.json'
    benchmark.main([str(tiny_config), '--frames', '3', '--repeats', '1', '--json', str(out)])
    result = json.loads(out.read_text())[str(tiny_config)]
    assert result['frames'] == 3
    assert result['seconds_per_frame'] == pytest.approx(result['seconds_per_object'] / 3)
    assert 'reference' not in result  # it completes pictures
    text = capsys.readouterr().out
    assert 'per clip of 3 frames:' in text
    assert 'one frame ' in text
    assert ' s/clip' in text


def test_a_clip_costs_as_much_as_its_frames_and_its_attention(tiny_config: Path) -> None:
    block = "block=dict(type='SpatioTemporalBlock', window_frames=2)"
    tiny_config.write_text(
        tiny_config.read_text().replace('num_heads=2,', f'num_heads=2, {block},')
    )
    flop = {}
    for frames in (1, 3):
        subject = Subject(SubjectOptions(str(tiny_config), 'tiny', frames=frames))
        subject.count()
        flop[frames] = subject.flop
    for part in ('backbone', 'refiner', 'tokenizer_encode', 'tokenizer_decode'):
        assert flop[3][part] == 3 * flop[1][part]
    # Three frames are two windows of two, the last one filled up.
    assert flop[3]['transformer_step'] > 3 * flop[1]['transformer_step']


def test_compiled_parts_are_timed_and_left_alone(
    tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def stand_in(self: C2FSeg) -> None:
        """Puts functions where torch.compile puts its own."""

        def compiled(name: str, function):
            return lambda *args, **kwargs: (calls.append(name), function(*args, **kwargs))[1]

        self.backbone._compiled_call_impl = compiled('backbone', self.backbone._call_impl)
        self.transformer.predict_tokens = compiled('step', self.transformer.predict_tokens)

    monkeypatch.setattr(C2FSeg, 'compile_parts', stand_in)
    subject = Subject(SubjectOptions(str(tiny_config), 'tiny', compile=True))
    subject.count()
    assert not calls
    subject.compile()
    assert calls == 2 * ['backbone', 'step', 'step']
    assert subject.compile_seconds > 0
    step = subject.model.transformer.predict_tokens
    subject.measure()
    assert {'backbone', 'transformer_step'} <= set(subject.rounds[0])
    assert subject.model.transformer.predict_tokens is step
    assert calls == 3 * ['backbone', 'step', 'step']


def test_what_a_model_cannot_do_is_named(
    tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(C2FSeg, 'compile_parts')
    subject = Subject(SubjectOptions(str(tiny_config), 'tiny', compile=True))
    with pytest.raises(OptionError, match=r'C2FSeg has no compile_parts\(\)'):
        subject.compile()


def test_model_is_as_before_afterwards(tiny_config: Path) -> None:
    options = SubjectOptions(str(tiny_config), 'tiny', dtype='bfloat16', optimize=False)
    subject = Subject(options)
    assert subject.model.test_cfg.autocast == 'bfloat16'
    before = {key: value.clone() for key, value in subject.model.state_dict().items()}
    subject.count()
    subject.train_once()
    assert subject.model.refiner._compiled_call_impl is None
    assert 'encode' not in vars(subject.model.tokenizer)
    assert '_compiled_call_impl' not in vars(subject.model.refiner)
    # Training has a model of its own.
    assert all(torch.equal(value, before[key]) for key, value in subject.model.state_dict().items())


def test_a_failing_part_leaves_the_model_as_it_was(tiny_config: Path) -> None:
    model = Subject(SubjectOptions(str(tiny_config), 'tiny')).model
    clock = PartClock(torch.device('cpu'))
    with pytest.raises(ValueError, match='tokens'), instrumented(model, clock):
        model.tokenizer.decode(torch.zeros(1, 2, 3, dtype=torch.long))
    assert 'decode' not in vars(model.tokenizer)


def test_counts_two_operations_per_multiplication() -> None:
    clock = PartClock(torch.device('cpu'))
    layer = clock.timed('layer', torch.nn.Linear(30, 50, bias=False))
    with torch.no_grad(), count_flops() as clock.counter:
        layer(torch.zeros(7, 30))
    assert clock.flop == {'layer': 2 * 7 * 30 * 50}


def test_counts_the_bytes_of_weights_and_activations() -> None:
    clock = PartClock(torch.device('cpu'))
    module = torch.nn.Linear(30, 50, bias=False)
    layer = clock.timed('layer', module)
    inputs = torch.zeros(7, 30)
    with torch.no_grad(), TrafficCounter(module.parameters()) as clock.traffic:
        layer(inputs)
    assert clock.bytes == {'layer': 4 * (7 * 30 + 30 * 50 + 7 * 50)}
    assert clock.weight_bytes == {'layer': 4 * 30 * 50}


def test_bytes_of_views_casts_and_broadcasts() -> None:
    values, row = torch.zeros(6, 10), torch.zeros(10)
    cases = {
        0: lambda: values.t()[2:].unsqueeze(0),
        4 * (60 + 10 + 60): lambda: values + row,
        4 * (10 + 60): lambda: row.expand(6, 10).clone(memory_format=torch.contiguous_format),
        4 * 10 + 2 * 10: lambda: row.bfloat16(),
        4 * (60 + 60): lambda: values.add_(1),  # in place: read and written
    }
    for expected, function in cases.items():
        with TrafficCounter() as counter:
            function()
        assert counter.total == expected


def test_attention_is_counted_on_the_cpu() -> None:
    query = torch.zeros(1, 2, 10, 8, requires_grad=True)
    with count_flops() as counter:
        out = F.scaled_dot_product_attention(query, query, query)
    # Two products of (10 x 8) by (8 x 10) and (10 x 10) by (10 x 8), two heads.
    forward = 2 * (2 * 10 * 8 * 10 + 2 * 10 * 10 * 8)
    assert counter.get_total_flops() == forward
    with count_flops() as counter:
        out.sum().backward()
    # The scores once more, then a product for each of four gradients.
    assert counter.get_total_flops() == 5 * forward // 2


def test_a_part_inside_a_part_is_not_counted_twice() -> None:
    clock = PartClock(torch.device('cpu'))
    inner = clock.timed('inner', lambda: 1)
    outer = clock.timed('outer', lambda: inner() + 1)
    assert outer() == 2
    assert clock.calls == {'outer': 1}


def test_peaks_and_memory_are_plausible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(peaks._COPIES, 'cpu', (16 * 1024**2, 1))
    cpu = torch.device('cpu')
    assert 0.1 < peaks.measure_peak(cpu, torch.float32) < 1e6
    assert 0.01 < peaks.measure_bandwidth(cpu) < 1e4
    assert resident_peak_mb() > 50  # no interpreter with torch is smaller


def test_memory_is_that_of_a_fresh_process(tiny_config: Path) -> None:
    ballast = torch.ones(200 * 1024**2 // 4)
    found = measure_memory(SubjectOptions(str(tiny_config), 'tiny'))
    assert 50 < found < resident_peak_mb()
    del ballast


def test_spread_of_ratios_is_taken_round_by_round() -> None:
    # A slow second round slows both: the quotient of the medians would be 4.
    assert comparison.spread([1, 4, 2], [4, 8, 6]) == dict(median=3, lowest=2, highest=4)
    assert comparison.spread([0], [1]) is None


def test_agreement_of_masks() -> None:
    import numpy as np

    left, right = np.zeros((1, 4, 4), bool), np.zeros((1, 4, 4), bool)
    left[:, :2], right[:, :1] = True, True
    found = comparison.agreement([left, left], [left, right], [left[0], left[0]])
    assert found['mean_iou'] == 0.75
    assert found['lowest_iou'] == 0.5
    assert found['changed_pixels'] == 4 / 16
    assert found['first_mean_iou_truth'] == 1
    assert found['second_mean_iou_truth'] == 0.75


def test_reference_is_scaled_by_the_peaks() -> None:
    found = compare_with_reference(2.4, 9.8, 2 * 173)
    assert found['seconds_ratio'] == pytest.approx(0.5)
    assert found['seconds_ratio_scaled'] == pytest.approx(1)
    assert found['train_seconds_ratio'] == pytest.approx(2)
    assert found['train_seconds_ratio_scaled'] == pytest.approx(4)
    assert compare_with_reference(2.4, None, 173)['train_seconds_ratio'] is None


def test_memory_is_that_of_the_gpu_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device('cuda:1')
    peak = {device: 3_000_000, None: 0}
    subject = SimpleNamespace(device=device, predict=lambda: None)
    monkeypatch.setattr(subjects, 'Subject', lambda options: subject)
    monkeypatch.setattr(subjects, 'keep_freed_memory', lambda: None)
    monkeypatch.setattr(torch.cuda, 'max_memory_allocated', lambda where=None: peak[where])
    threads = torch.get_num_threads()
    assert subjects._memory_of_one(SubjectOptions('a.py', 'a', device='cuda:1'), threads) == 3


def test_ratios_that_are_unknown_are_a_dash() -> None:
    span = dict(median=1.0, lowest=1.0, highest=1.0)
    known = dict(relative_to='a', parts={}, seconds=span, gflop=1.0, megabytes=1.0)
    ratios = dict(known, train_seconds=None, peak_memory=None, parameters=None)
    rows = [line.split() for line in format_ratios('b', ratios, 1).splitlines()]
    assert ['peak', 'memory', '-'] in rows
    assert ['parameters', '-'] in rows


def test_the_upper_left_quarter_of_made_objects_is_hidden(tmp_path: Path) -> None:
    made_data.make_data(tmp_path, images=1, objects=1, seed=0)
    [entry] = json.loads((tmp_path / 'made.json').read_text())['annotations']
    amodal, visible = (torch.tensor(entry[key][0]).view(-1, 2) for key in ('a_segm', 'i_segm'))
    moved = amodal[(amodal != visible).any(1)]
    assert len(moved) > 3
    assert (moved < amodal.mean(0)).all()  # x to the left, y upwards
    assert inputs.IMAGE_SIZE is made_data.IMAGE_SIZE


def test_mistakes_in_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark = load_tool('analysis_tools/benchmark')
    for arguments, words in (
        (['a.py', '--batch-size', '0'], '--batch-size must be at least 1'),
        (['a.py', '--compare-objects', '0'], '--compare-objects must be at least 1'),
        (['a.py', '--variant', 'x'], 'takes a name and pairs'),
        (['a.py', '--cfg-options', 'x'], '--cfg-options: expected KEY=VALUE pairs, such as'),
    ):
        with pytest.raises(SystemExit):
            benchmark.parse_args(arguments)
        assert words in capsys.readouterr().err
