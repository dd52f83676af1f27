"""The files that docs/datasets.md shows are files that the data sets read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from c2fseg.datasets import CocoAmodalDataset
from c2fseg.registry import DATASETS
from tests.datasets.coco_files import single, write

PAGE = (Path(__file__).resolve().parents[2] / 'docs' / 'datasets.md').read_text(encoding='utf-8')


def section(heading: str) -> str:
    return PAGE.split(f'## {heading}\n')[1].split('\n## ')[0]


def block(text: str, language: str) -> str:
    [body] = re.findall(rf'^```{language}\n(.*?)^```$', text, flags=re.MULTILINE | re.DOTALL)
    return body


def test_the_custom_format(tmp_path: Path) -> None:
    text = block(section('Your own data, in the custom format'), 'json')
    (tmp_path / 'train.json').write_text(text)
    dataset = CocoAmodalDataset('train.json', data_root=str(tmp_path))
    assert len(dataset) == 1
    assert dataset.get_data_info(0)['occlusion_rate'] == pytest.approx(0.5)
    assert dataset.metainfo['classes'] == ('mug',)


def test_a_folder_of_original_files(tmp_path: Path) -> None:
    found: dict = {}
    exec(block(section('COCOA'), 'python'), found)
    config = found['dataset'] | {'data_root': str(tmp_path)}
    write(tmp_path / '1.json', single())
    assert len(DATASETS.build(config)) == 2


def test_the_table_names_data_sets() -> None:
    table = PAGE.split('\n## ')[0]
    names = set(re.findall(r'`(\w+Dataset)`', table))
    assert {'KINSDataset', 'COCOADataset', 'D2SADataset', 'CocoAmodalDataset'} <= names
    assert names <= set(DATASETS.module_dict)
