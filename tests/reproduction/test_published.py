"""The published numbers are those of the fact sheet, and each says where it comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from c2fseg.reproduction import TABLES
from c2fseg.reproduction.published import DATASETS, TRIVIAL

FACTS = Path(__file__).resolve().parents[3] / 'shared/facts/published_numbers.md'
CELL = re.compile(r'~?(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)')
NAMES = {title: name for name, title in DATASETS.items()}


def pair(cell: str) -> tuple[float, float] | None:
    found = CELL.match(cell.strip())
    return None if found is None else (float(found[1]), float(found[2]))


def published(table: str, label: str, family: str) -> tuple[float, float]:
    [variant] = [variant for variant in TABLES[table].variants if variant.label == label]
    score = variant.published[family]
    return score.full, score.occluded


def rows_of_the_facts() -> dict[str, list[str]]:
    """Rows of the tables of the fact sheet, by their first cell."""
    if not FACTS.is_file():
        pytest.skip(f'the fact sheet {FACTS} is not there')
    lines = (line for line in FACTS.read_text(encoding='utf-8').splitlines() if line[:1] == '|')
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    return {row[0]: row for row in reversed(cells)}


def test_numbers_by_hand() -> None:
    """Some of each table, typed from the paper's supplement a second time."""
    assert published('1', '1', 'movid_a') == (71.91, 36.57)
    assert published('1', '12', 'cocoa') == (80.27, 27.44)
    assert published('2', 'without it', 'fishbowl') == (89.64, 78.93)
    assert published('2', 'without the roll', 'movid_a') == (69.92, 32.35)
    assert published('3', 'without', 'kins') == (82.07, 52.98)
    assert published('main', 'C2F-Seg', 'movid_a') == (71.67, 36.13)


def test_decoding_steps_are_those_of_the_facts() -> None:
    rows = rows_of_the_facts()
    steps = [re.sub(r'\D', '', cell) for cell in rows['decoding steps K'][1:]]
    assert steps == [variant.label for variant in TABLES['1'].variants]
    assert [variant.num_steps for variant in TABLES['1'].variants] == [int(k) for k in steps]
    for title in ('COCOA', 'MOViD-A'):
        for label, cell in zip(steps, rows[title][1:], strict=True):
            assert published('1', label, NAMES[title]) == pair(cell), (title, label)


def test_modules_are_those_of_the_facts() -> None:
    rows = rows_of_the_facts()
    for facts, label, attention in (
        ('without it', 'without it', 'without'),
        ('without the roll', 'without the roll', 'with'),
        ('full', 'full', None),
    ):
        _, fishbowl, movid_a, _, _, *images = rows[facts]
        assert published('2', label, 'fishbowl') == pair(fishbowl)
        assert published('2', label, 'movid_a') == pair(movid_a)
        for name, cell in zip(('kins', 'cocoa'), images if attention else ()):
            assert published('3', str(attention), name) == pair(cell)


def test_other_methods_are_those_of_the_facts_and_their_marks_too() -> None:
    rows = rows_of_the_facts()
    for variant in TABLES['main'].variants:
        if variant.label not in ('PCNet-M', 'VRSP', 'AISFormer', 'SaVos'):
            continue
        for name, cell in zip(TABLES['main'].datasets, rows[variant.label][1:], strict=True):
            score = variant.published.get(name)
            assert (score and (score.full, score.occluded)) == pair(cell), (variant.label, name)
            # Memory (M), and columns of another data set (*), are no sure ground.
            assert score is None or score.sure == (' M' not in cell and '*' not in cell)


@pytest.mark.parametrize('table', TABLES.values(), ids=lambda table: table.name)
def test_every_number_has_a_source_and_lies_in_a_column(table) -> None:
    labels = [variant.label for variant in table.variants]
    assert len(set(labels)) == len(labels)
    for variant in table.variants:
        assert set(variant.published) <= set(table.datasets)
        assert set(variant.published) or variant.config in TRIVIAL
        for score in variant.published.values():
            assert score.source
            assert 0 < score.occluded < score.full < 100
