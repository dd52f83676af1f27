"""Quality against cost: what is measured, how a killed run goes on, what is drawn."""

from __future__ import annotations

import json

import cv2
import pytest
import torch

from c2fseg.utils.launch import UserError
from c2fseg.visualization.tradeoff import cost_of, draw_tradeoff, lines_of, move_apart
from tests.models.segmentors.tiny import tiny_batch, tiny_model
from tests.tools.loading import load_tool

tool = load_tool('analysis_tools/plot_tradeoff')
SETTINGS = dict(num_objects=5, batch_size=2)


def point(model: str, steps: int, gflop: float, **changes) -> dict:
    """A measured point; its quality follows from its steps."""
    quality = dict(full=0.5 + steps / 100, occ=0.25)
    return dict(
        model=model, weights='w', steps=steps, gflop=gflop, ms=[3.0, 1.0, 40.0], parameters=7,
        quality=dict(hidden=quality, all=dict(full=0.875, occ=0.75)),
        objects=dict(hidden=3, all=5),
    ) | changes  # fmt: skip


class FakeRunner:
    """Gives what the metric of a test returns, and notes the steps of each test."""

    def __init__(self, model: torch.nn.Module, key: str = 'c2f-image/gt') -> None:
        self.model, self.key, self.tested = model, key, []

    def test(self) -> dict[str, float]:
        steps = self.model.decoder.num_steps
        self.tested.append(steps)
        found = {f'{self.key}/objects': 5, f'{self.key}/objects_hidden_5-95': 3}
        for measure, value in (('full', 0.5), ('occ', 0.25)):
            for rest in ('', '_hidden_5-95'):
                found[f'{self.key}/refined/raw/mIoU_{measure}{rest}'] = value + steps / 100
        return found


def candidate(name: str = 'tiny', **changes):
    """A candidate around a tiny model, without config, files and a real test."""
    made = object.__new__(tool.Candidate)
    made.name, made.batch_size, made.model = name, 2, tiny_model(**changes)
    made.runner = FakeRunner(made.model)
    made._batch = tiny_batch(2)
    return made


def measurement(path, candidates, steps):
    weights = dict.fromkeys((one.name for one in candidates), 'w')
    return tool.Measurement(path, SETTINGS, candidates, steps, weights)


def test_gflop_grow_by_the_same_for_every_step():
    one = candidate()
    first, second, fourth = (one.count_gflop(steps) for steps in (1, 2, 4))
    assert second > first > 0
    assert fourth - second == pytest.approx(2 * (second - first))


def test_points_are_kept_and_a_killed_run_goes_on(tmp_path, capsys):
    path = tmp_path / 'a.json'
    one = candidate()
    first = measurement(path, [one], [1])
    first.measure_quality()
    [saved] = json.loads(path.read_text())['points']
    assert saved['quality']['hidden'] == {'full': 0.51, 'occ': 0.26}
    assert (saved['objects'], saved['ms']) == ({'hidden': 3, 'all': 5}, [])
    assert 'tiny, 1 steps: mIoU full 51.00, occluded 26.00' in capsys.readouterr().out
    # As if killed here: the next run tests what is missing and times all, each as often.
    second = measurement(path, [one], [1, 3])
    second.measure_quality()
    assert one.runner.tested == [1, 3]
    second.measure_time(2)
    times = [entry['ms'] for entry in json.loads(path.read_text())['points']]
    assert [len(entry) for entry in times] == [2, 2]
    third = measurement(path, [one], [1, 3])
    third.measure_time(2)
    assert [entry['ms'] for entry in third.points] == times
    third.measure_time(3)
    assert [entry['ms'][:2] for entry in third.points] == times
    # A point that comes later has not had its turns: all are timed anew.
    fourth = measurement(path, [one], [1, 3, 2])
    fourth.measure_quality()
    fourth.measure_time(1)
    assert [len(entry['ms']) for entry in fourth.points] == [1, 1, 1]
    assert one.runner.tested == [1, 3, 2]


def test_new_weights_are_measured_anew(tmp_path):
    path = tmp_path / 'a.json'
    measurement(path, [candidate()], [1]).measure_quality()
    one = candidate()
    tool.Measurement(path, SETTINGS, [one], [1], {'tiny': 'others'}).measure_quality()
    assert one.runner.tested == [1]
    [saved] = json.loads(path.read_text())['points']
    assert saved['weights'] == 'others'


def test_what_does_not_belong_together_is_refused(tmp_path):
    path = tmp_path / 'a.json'
    measurement(path, [candidate()], [1]).measure_quality()
    with pytest.raises(UserError, match='num_objects = 5, now it is 6'):
        tool.read_points(path, dict(num_objects=6))
    with pytest.raises(UserError, match='holds tiny with 1 steps, which was not asked for'):
        measurement(path, [candidate()], [2])
    with pytest.raises(UserError, match=r"cfg_options = \{\}, now it is \{'model\.x': '1'\}"):
        tool.read_points(path, dict(cfg_options={'model.x': '1'}))
    assert tool.read_points(path, dict(cfg_options={}))
    for text in ('[]', 'text', '{"settings": {}, "points": [{"model": "a"}]}'):
        path.write_text(text)
        with pytest.raises(UserError, match='was not written by this tool: give another file'):
            tool.read_points(path, {})
    other = candidate()
    other.runner = FakeRunner(other.model, 'c2f-image/pred:x')
    with pytest.raises(UserError, match="has to be AmodalIoU with protocol='c2f-image'"):
        other.test(1)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'or else --from-json'),
        (['--model', 'a', 'b', 'c', '--from-json', 'd'], 'or else --from-json'),
        (['--model', 'a', 'b', 'c', '--model', 'a', 'b', 'c'], 'each once'),
        (['--model', 'a', 'b', 'c', '--steps', '0', '1'], 'from 1 on'),
        (['--model', 'a', 'b', 'c', '--rounds', '0'], '--rounds must be at least 1'),
        (['--model', 'a', 'b', 'c', '--num-objects', '4'], 'no more objects than'),
    ],
)
def test_command_lines_that_make_no_sense(arguments, message, capsys):
    with pytest.raises(SystemExit):
        tool.parse_args(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--json', '--out'])
def test_files_are_tried_before_anything_is_measured(option, tmp_path, monkeypatch, capsys):
    monkeypatch.delattr(tool, 'measure')
    with pytest.raises(SystemExit, match='2'):
        tool.main(['--model', 'a', 'b', 'c', option, str(tmp_path)])
    assert 'is a folder' in capsys.readouterr().err


def test_missing_data_are_looked_for_where_the_options_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    place = 'test_dataloader.dataset.data_root'
    arguments = ['--model', 'a', 'c2f_kins', 'c', '--cfg-options', f'{place}={tmp_path}/there']
    with pytest.raises(SystemExit, match='2'):
        tool.main(arguments)
    said = capsys.readouterr().err
    assert f'Annotation file {tmp_path}/there/' in said
    assert f'--cfg-options {place}=DIR' in said


def test_lines_by_hand():
    points = [point('b', 2, 4.0), point('a', 1, 1.0), point('b', 1, 3.0)]
    assert cost_of(points[0], 'gflop') == 4.0
    assert cost_of(points[0], 'ms') == 3.0  # the median
    lines = lines_of(points, 'gflop', 'full', 'hidden')
    assert list(lines) == ['b', 'a']
    assert lines['b'] == [(3.0, pytest.approx(51), 1), (4.0, pytest.approx(52), 2)]
    assert lines_of(points, 'ms', 'occ', 'all')['a'] == [(3.0, 75.0, 1)]


def test_names_are_moved_apart_no_more_than_needed():
    assert move_apart([0.9, 0.1], 0.2) == [0.9, 0.1]
    assert move_apart([0.5, 0.5, 0.5], 0.2) == pytest.approx([0.3, 0.5, 0.7])
    assert move_apart([], 0.2) == []


def test_picture_from_json_alone(tmp_path, capsys):
    starts = dict(a=1, b=10)
    points = [point(name, k, first + k) for name, first in starts.items() for k in (1, 2)]
    unfinished = point('c', 1, 2.0, ms=[])
    path, out = tmp_path / 'a.json', tmp_path / 'new' / 'a.png'
    path.write_text(json.dumps(dict(settings=SETTINGS, points=[*points, unfinished])))
    tool.main(['--from-json', str(path), '--out', str(out), '--objects', 'all'])
    assert '4 points' in capsys.readouterr().out
    picture = cv2.imread(str(out))
    assert picture.shape[1] > 1000
    assert picture.std() > 10
    # The lines of both models are there, in their colours (BGR).
    for colour in ((178, 114, 0), (0, 94, 213)):
        assert (picture == colour).all(axis=-1).sum() > 100


def test_what_cannot_be_drawn_is_said(tmp_path, capsys):
    with pytest.raises(ValueError, match='One to 7 models'):
        draw_tradeoff([], tmp_path / 'a.png')
    with pytest.raises(SystemExit):
        tool.main(['--from-json', str(tmp_path / 'gone.json')])
    assert 'does not exist' in capsys.readouterr().err
