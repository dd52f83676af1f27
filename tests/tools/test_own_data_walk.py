"""The walk of docs/datasets.md, from labelme files to predictions: its commands, as they stand."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from c2fseg.datasets.synthetic import generate_samples
from c2fseg.structures import decode_mask
from tests.engine.processes import Process

from .labelme_files import shape, write_labels

REPOSITORY = Path(__file__).resolve().parents[2]
TITLE = '## From your own labels to a trained model'
BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)
PICTURES = 5
# What makes the walk short: two iterations on few objects, in one process.
SHORT = """
train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0)
"""
SHORT_STAGE_1 = (
    '--cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2 train_dataloader.batch_size=2 '
    'train_dataloader.num_workers=0 train_dataloader.persistent_workers=False'
)


def blocks(language: str) -> list[str]:
    """Gives the blocks of code of the walk."""
    page = (REPOSITORY / 'docs' / 'datasets.md').read_text(encoding='utf-8')
    section = page[page.index(TITLE) :]
    return [body for kind, body in BLOCK.findall(section) if kind == language]


def commands() -> list[str]:
    """Gives the commands of the walk in their order."""
    text = '\n'.join(blocks('bash')).replace('\\\n', ' ')
    return [line.strip() for line in text.splitlines() if line.strip()]


def polygons(mask: np.ndarray) -> list[list[list[float]]]:
    """Outlines of a mask as a person would draw them."""
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [(line[:, 0] + 0.5).tolist() for line in found if len(line) >= 3]


def draw_labels(root: Path) -> None:
    """Draws pictures, and labels them as the page says."""
    annotations = generate_samples(root / 'images', PICTURES, seed=11)
    content = json.loads(annotations.read_text())
    annotations.unlink()
    names = {category['id']: category['name'] for category in content['categories']}
    for image in content['images']:
        size = image['height'], image['width']
        shapes = []
        for entry in content['annotations']:
            if entry['image_id'] != image['id']:
                continue
            name, group = names[entry['category_id']], entry['id']
            amodal, visible = (decode_mask(entry[key], *size) for key in ('a_segm', 'i_segm'))
            hidden = bool((amodal != visible).any())
            for kind, mask in (('amodal', amodal), ('visible', visible)):
                if kind == 'amodal' or hidden:
                    shapes += [shape(f'{name}/{kind}', line, group) for line in polygons(mask)]
        path = root / 'labels' / f'{Path(image["file_name"]).stem}.json'
        write_labels(path, shapes, f'..\\images\\{image["file_name"]}', size)


def run_command(directory: Path, words: list[str]) -> None:
    """Runs a script with its arguments as if it were called."""
    torch.set_num_threads(1)
    os.chdir(directory)
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name='__main__')
    except SystemExit as stop:
        if stop.code:
            raise


def run_code(directory: Path, code: str) -> None:
    """Runs a block of Python."""
    torch.set_num_threads(1)
    os.chdir(directory)
    exec(code, {})


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the repository, with labelled pictures in data/own."""
    root = tmp_path_factory.mktemp('walk') / 'c2fseg'
    root.mkdir()
    for name in ('configs', 'tools', 'weights'):
        (root / name).symlink_to(REPOSITORY / name, target_is_directory=True)
    draw_labels(root / 'data' / 'own')
    return root


def test_every_command_of_the_walk_works(place: Path) -> None:
    convert, check, browse, stage_1, train, score = commands()
    own_config, use = blocks('python')
    short = own_config.replace('max_iters=400, val_interval=100', 'max_iters=2, val_interval=2')
    assert short != own_config
    (place / 'mugs.py').write_text(short + SHORT)

    def run(command: str) -> str:
        python, *words = shlex.split(command.replace('iter_400', 'iter_2'))
        assert python == 'python'
        return Process(run_command, place, words).wait()

    said = run(convert)
    assert f'{PICTURES - 1} pictures' in said
    data = place / 'data' / 'own'
    contents = [
        json.loads((data / f'annotations/{name}.json').read_text()) for name in ('train', 'val')
    ]
    assert [len(content['images']) for content in contents] == [PICTURES - 1, 1]
    assert any(entry['occlude_rate'] > 0.1 for entry in contents[0]['annotations'])
    assert 'nothing is broken, and there is nothing to remark' in run(check)
    assert (place / 'outputs/check_dataset/hidden_share.png').is_file()
    run(browse)
    assert (place / 'outputs/browse/c2f_coco_amodal_train.png').is_file()
    run(f'{stage_1} {SHORT_STAGE_1}')
    assert (place / 'work_dirs/vqgan_coco_amodal/iter_2.pth').is_file()
    run(train)
    assert 'c2f-image' in run(score)
    predictions = json.loads((place / 'outputs/mugs/val.json').read_text())
    assert len(predictions) == len(contents[1]['annotations'])
    printed = Process(run_code, place, use.replace('iter_400', 'iter_2')).wait()
    assert 0 <= float(printed.split()[-1]) <= 1
    assert len(list((place / 'outputs/mugs/visualizations').glob('*.png'))) == 1
