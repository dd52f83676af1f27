"""The tables that are printed: the right score in the right cell, nothing mixed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from c2fseg.reproduction import (
    TABLES,
    RunSettings,
    find_families,
    format_tables,
    make_plan,
    tables_as_data,
)
from c2fseg.reproduction.execution import Result

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/ablations'


def metrics(full: float, occluded: float) -> dict[str, float]:
    """Metrics whose every number is another one: coarse less 0.1, raw less 0.02."""
    found = {}
    for stage, stage_less in (('coarse', 0.1), ('refined', 0.0)):
        for form, less in (('raw', 0.02), ('post', 0.0)):
            start = f'c2f-image/gt/{stage}/{form}'
            found[f'{start}/mIoU_full'] = full - less - stage_less
            found[f'{start}/mIoU_occ'] = occluded - stage_less
            found[f'{start}/mIoU_full_hidden_5-95'] = 0.99
    return {**found, 'c2f-image/gt/objects': 8, 'c2f-image/gt/occluded_objects': 5}


@pytest.fixture
def make(tmp_path):
    """Makes a plan of shapes and its results; ``values`` are post scores by config and seed."""
    (tmp_path / 'shapes/annotations').mkdir(parents=True)
    (tmp_path / 'shapes/annotations/shapes_test.json').write_text('')

    def build(tables: str, values: dict, how: str = 'evaluated', seeds=(0,), training=None):
        families = find_families(CONFIGS, tmp_path, None)
        chosen = [TABLES[name] for name in tables.split()]
        plan = make_plan(families, chosen, [], RunSettings(tmp_path, seeds=seeds))
        details = dict(protocol='c2f-image', split='s', visible_source='gt', decoding='d', crop='c')
        results = {
            run: Result(run, how, 'w.pth', training or {}, details, metrics(*pair))
            for run in plan.evaluations()
            if (pair := values.get((run.config, run.num_steps, run.seed))) is not None
        }
        return plan, results

    return build


def blocks(text: str) -> dict[str, list[list[str]]]:
    """The cells of each table by the line above it (protocol and form)."""
    found = {}
    heading = ''
    for part in text.split('\n\n'):
        lines = part.splitlines()
        if lines and lines[0].startswith('| '):
            rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
            found[heading] = [rows[0], *rows[2:]]
            assert len({len(row) for row in rows}) == 1
            assert len({len(line) for line in lines}) == 1, 'columns line up'
        else:
            heading = part.rstrip(':')
    return found


def test_variants_run_down_with_published_and_ours_by_turns(make) -> None:
    values = {('without_attention', 1, 0): (0.8, 0.5), ('full', 1, 0): (0.85, 0.6123)}
    found = blocks(format_tables(*make('3', values)))
    assert found['c2f-image, post'] == [
        ['attention', '', 'KINS', 'COCOA', 'shapes'],
        ['without', 'published', '82.07 / 52.98', '80.15 / 26.85', '–'],
        ['without', 'ours', '–', '–', '80.00 / 50.00 (E)'],
        ['with', 'published', '82.22 / 53.60', '80.28 / 27.71', '–'],
        ['with', 'ours', '–', '–', '85.00 / 61.23 (E)'],
    ]
    # Raw scores have no published counterpart and never share a column with the others.
    assert found['c2f-image, raw'] == [
        ['attention', '', 'shapes'],
        ['without', 'ours', '78.00 / 50.00 (E)'],
        ['with', 'ours', '83.00 / 61.23 (E)'],
    ]


def test_decoding_steps_run_across_and_protocols_stay_apart(make) -> None:
    values = {('full', k, 0): (0.8 + k / 100, 0.5) for k in (1, 2, 3)}
    found = blocks(format_tables(*make('1', values)))
    heads, cocoa, theirs, ours = found['c2f-image, post']
    assert heads == ['data set', '', *(f'K = {k}' for k in (1, 2, 3, 5, 8, 10, 12))]
    assert cocoa[:4] == ['COCOA', 'published', '80.16 / 27.70', '80.27 / 27.68']
    assert theirs == ['shapes', 'published', *['–'] * 7]
    assert ours[:5] == ['shapes', 'ours', '81.00 / 50.00 (E)', '82.00 / 50.00 (E)', ours[4]]
    assert ours[5:] == ['–'] * 4, 'not run yet'
    assert found['c2f-video, post'][1][:3] == ['MOViD-A', 'published', '71.91 / 36.57']
    assert 'c2f-video, raw' not in found


def test_main_table_quotes_others_with_a_mark(make) -> None:
    text = format_tables(*make('main', {('visible', None, None): (0.5, 0.0)}))
    rows = {(row[0], row[1]): row[2:] for row in blocks(text)['c2f-image, post']}
    assert rows['VRSP', 'published'] == ['80.70 / 47.33 ?', '78.98 / 22.92 ?', '–']
    assert rows['C2F-Seg', 'published'][0] == '82.22 / 53.60'
    assert rows['visible mask', 'ours'] == ['–', '–', '50.00 / 0.00 (E)']
    assert ('SaVos', 'published') not in rows, 'it has no number on pictures'


def test_seeds_become_mean_and_deviation(make) -> None:
    values = {('full', 1, seed): (0.8 + seed / 100, 0.5) for seed in (0, 1, 2)}
    found = blocks(format_tables(*make('3', values, seeds=(0, 1, 2))))
    # 80, 81, 82: mean 81, standard deviation 1 (over n - 1).
    assert found['c2f-image, post'][-1][-1] == '81.00±1.00 / 50.00±0.00 (E)'


def test_short_and_mixed_trainings_are_pointed_out(make) -> None:
    values = {('full', 1, 0): (0.8, 0.5), ('without_attention', 1, 0): (0.8, 0.5)}
    training = dict(max_iters=20, of=1200, batch_size=16)
    plan, results = make('3', values, how='trained', training=training)
    text = ' '.join(format_tables(plan, results).split())
    assert 'Trained for 20 of 1200 iterations: such a run shows' in text
    assert '(T)' in text
    assert (
        'trained here, 20 of 1200 iterations of 16; c2f-image, `s`, objects 8, occluded 5' in text
    )
    assert 'some come from elsewhere' not in text
    first = next(iter(results))
    results[first] = replace(results[first], how='evaluated', training={})
    assert 'some models were trained here and some come from elsewhere' in ' '.join(
        format_tables(plan, results).split()
    )


def test_runs_list_coarse_scores_too(make) -> None:
    text = format_tables(*make('3', {('full', 1, 0): (0.8, 0.5)}))
    row = text.strip().splitlines()[-1]
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    assert cells == ['1', '0', '68.00 / 40.00', '70.00 / 40.00', '78.00 / 50.00', '80.00 / 50.00']


def test_data_hold_the_same_numbers(make) -> None:
    plan, results = make('3', {('full', 1, 0): (0.8, 0.5)})
    found = json.loads(json.dumps(tables_as_data(plan, results), allow_nan=False))
    cells = {(c['row'], c['dataset']): c for c in found['tables'][0]['cells']}
    assert cells['with', 'kins']['published']['full'] == 82.22
    assert cells['with', 'kins']['published']['form'] == 'post'
    assert 'Table 3' in cells['with', 'kins']['published']['source']
    [ours] = cells['with', 'shapes']['ours']
    assert ours['post'] == {'full': pytest.approx(80), 'occluded': pytest.approx(50)}
    assert ours['raw']['full'] == pytest.approx(78)
    assert ours['how'] == 'evaluated'
    assert found['runs'][0]['metrics']['c2f-image/gt/objects'] == 8
