"""The model zoo has every config, is up to date, and claims what other pages have measured."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from mmengine.config import Config

from c2fseg.utils.launch import UserError
from tests.docs.test_documentation import anchors
from tests.tools.loading import load_tool

ROOT = Path(__file__).resolve().parents[2]
zoo = load_tool('analysis_tools/make_model_zoo')
NUMBERS = json.loads(zoo.NUMBERS.read_text())
BENCHMARKS = ROOT / 'docs' / 'benchmarks.md'


@pytest.fixture(scope='module')
def page():
    return zoo.make_page(NUMBERS)


def rows_of(page: str, name: str) -> list[list[str]]:
    """Cells of the lines of tables that begin with a config."""
    lines = [line for line in page.splitlines() if line.startswith((f'| [{name}]', f'| {name} |'))]
    return [[cell.strip() for cell in line.strip('|').split(' | ')] for line in lines]


def config(name: str) -> Config:
    return Config.fromfile(ROOT / 'configs' / f'{name}.py')


def test_the_page_is_up_to_date(page):
    assert zoo.PAGE.read_text() == page, 'run python tools/analysis_tools/make_model_zoo.py'


def test_every_config_is_on_the_page(page):
    linked = set(re.findall(r'\]\(\.\./(configs/[\w/]+\.py)\)', page))
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / 'configs').rglob('*.py')
        if '_base_' not in path.parts
    }
    assert linked == there


def test_every_recipe_has_a_command_that_names_files_that_are_there(page):
    commands = re.findall(r'`(python [^`]+)`', page)
    configs = [path for path in zoo.config_files() if 'ablations' not in path.parts]
    tests = [command for command in commands if command.startswith('python tools/test.py')]
    assert len(tests) == len(configs)
    for command in commands:
        for word in shlex.split(command)[1:]:
            if word.startswith(('tools/', 'configs/', 'weights/')):
                assert list(ROOT.glob(word)), command


def section(anchor: str) -> str:
    """The text of a section of the benchmarks, without its subsections."""
    text = BENCHMARKS.read_text()
    for heading in re.finditer(r'^#+ (.+)$', text, flags=re.MULTILINE):
        name = re.sub(r'[^\w\s-]', '', heading[1].lower()).strip().replace(' ', '-')
        if name == anchor:
            return re.split(r'^#+ ', text[heading.end() :], flags=re.MULTILINE)[0]
    raise AssertionError(f'no section {anchor}')


@pytest.mark.parametrize('name', NUMBERS['ours'])
def test_our_numbers_are_those_of_the_benchmarks(name):
    entry = NUMBERS['ours'][name]
    numbers = entry['score'].split(' / ')
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in section(entry['section']).splitlines()
        if line.startswith('|')
    ]
    assert any(set(numbers) <= set(row) for row in rows)


def test_measured_times_are_those_of_the_benchmarks():
    for entry in NUMBERS['trained_in_minutes'].values():
        assert f'{entry["minutes"]} min' in section(entry['section'])
    for entry in NUMBERS['seconds_per_sample'].values():
        where = section(entry['section'])
        if 'how' in entry:
            minutes, samples = re.findall(r'[\d,]+', entry['how'])
            assert samples in where
            exact = int(minutes) * 60 / int(samples.replace(',', ''))
            assert entry['seconds'] == pytest.approx(exact, abs=5e-4)
        else:
            assert f'{entry["seconds"]} s a sample' in where
    sections = {entry['section'] for part in NUMBERS.values() for entry in part.values()
                if isinstance(entry, dict) and 'section' in entry}  # fmt: skip
    assert sections <= anchors(BENCHMARKS)


def test_estimates_by_hand():
    # 150,000 x 16 samples x 3.7 s = 8,880,000 s = 102.8 days.
    # 2,400,000 x 710 GFLOP / 40,000 GFLOP/s = 42,600 s = 11.8 h.
    text = zoo.training_of('c2f_kins', config('c2f_kins'), NUMBERS)
    assert text == (
        '150,000 x 16; *estimate*, two cores: 2,400,000 x 3.7 s = 103 days; '
        '*estimate*, one GPU: 2,400,000 x 710 GFLOP / 40 TFLOP/s = 12 h'
    )
    # 24 frames x 690 GFLOP = 16,560; 150,000 of them / 40,000 = 62,100 s = 17.25 h.
    text = zoo.training_of('c2f_movid_a', config('c2f_movid_a'), NUMBERS)
    assert text.endswith('150,000 x 16,560 GFLOP / 40 TFLOP/s = 17 h')
    assert 'two cores' not in text  # no step of it was measured
    assert pytest.approx(710, abs=1) == 2 * 136.1 + 222.9 + 3 * (16.2 + 49.9 + 5.7)
    step = (12900 - 24 * 408.2) / 24 / 3
    assert step == pytest.approx(43.1, abs=0.05)
    assert 2 * 136.1 + 222.9 + 3 * (16.2 + step + 5.7) == pytest.approx(690, abs=1)


def test_what_was_not_measured_is_said(page):
    [row, commands] = rows_of(page, 'official/c2f_kins_official')
    assert row[1:3] == ['KINS', 'c2f-image, V gt']
    assert row[3].startswith('82.22 / 53.60')
    assert row[4] == zoo.NOT_RUN
    assert commands[2].endswith('c2f_kins_official.py work_dirs/published/c2f_kins.pth`')
    [row, _] = rows_of(page, 'c2f_shapes')
    assert row[3] == '-'
    assert row[5] == '[c2f_shapes.pth](../weights/c2f_shapes.pth), ' + (
        f'{(ROOT / "weights/c2f_shapes.pth").stat().st_size / 1e6:.1f} MB'
    )
    assert '*estimate*' not in row[6]


def test_nothing_of_the_published_architecture_is_said_of_the_light_one(page):
    [row, commands] = rows_of(page, 'lite/c2f_kins')
    assert row[3:5] == ['-', zoo.NOT_RUN]
    assert row[6] == '40,000 x 64; not measured'
    assert commands[2] == (
        '`python tools/test.py configs/lite/c2f_kins.py work_dirs/lite/c2f_kins/iter_40000.pth`'
    )
    assert page.index('## The light architecture') < page.index('[lite/c2f_kins]')


def test_a_recipe_without_numbers_gets_a_row_all_the_same():
    bare = {key: {} for key in NUMBERS}
    assert zoo.score_columns('c2f_new', bare) == ('-', 'not run here')
    assert zoo.training_of('c2f_shapes', config('c2f_shapes'), bare) == '1,200 x 32; not measured'
    assert zoo.data_of(config('c2f_shapes'), bare) == 'data/shapes'
    assert zoo.data_of(config('c2f_general'), NUMBERS).startswith('built-in shapes + COCO')
    assert zoo.protocol_of(Config(dict(test_evaluator=[
        dict(type='AmodalIoU', protocols=['c2f-image', 'vita'], visible_source='pred:x'),
        dict(type='ReconstructionIoU'),
    ]))) == 'c2f-image, V pred:x; vita, V pred:x; ReconstructionIoU'  # fmt: skip


def test_numbers_of_a_config_that_is_gone_are_an_error():
    with pytest.raises(UserError, match=r'"ours" names \[\'c2f_gone\'\]'):
        zoo.check_names(
            {**NUMBERS, 'ours': {'c2f_gone': {}}}, {'c2f_kins'} | set(NUMBERS['published'])
        )


def test_check_tells_a_page_that_is_out_of_date(tmp_path, monkeypatch, page):
    monkeypatch.setattr(zoo, 'make_page', lambda numbers: page)
    monkeypatch.setattr(zoo, 'PAGE', tmp_path / 'model_zoo.md')
    with pytest.raises(SystemExit, match='not up to date'):
        zoo.main(['--check'])
    zoo.main([])
    assert zoo.PAGE.read_text() == page
    zoo.main(['--check'])


@pytest.mark.parametrize(
    ('seconds', 'text'), [(59, '59 s'), (7000, '117 min'), (7200, '2 h'), (172800, '2 days')]
)
def test_durations(seconds, text):
    assert zoo.duration(seconds) == text
