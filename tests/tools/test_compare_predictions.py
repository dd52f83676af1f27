"""compare_predictions.py: which objects it draws, from which files; its answers to mistakes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from c2fseg.datasets.synthetic import generate_clips
from c2fseg.evaluation.scoring.truth import open_truth
from c2fseg.structures import encode_mask
from c2fseg.visualization.compared_objects import ComparedObjects
from tests.tools.loading import load_tool

TOOL = 'analysis_tools/compare_predictions'
SIZE = (48, 64)


def box(x1: int, x2: int, y1: int = 0, y2: int = 10) -> dict:
    mask = np.zeros(SIZE, np.uint8)
    mask[y1:y2, x1:x2] = 1
    return encode_mask(mask)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Three objects in two pictures, and the predictions of methods a, b and c.

    1 - IoU of a and b: object 11 0.5 (10 of 20 columns), object 12 0, object 13 1 (disjoint).
    """
    (tmp_path / 'pictures').mkdir()
    for number in (1, 2):
        picture = np.full((*SIZE, 3), 40 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f'pictures/{number}.png'), picture)
    truths = {11: (1, box(0, 30)), 12: (1, box(30, 60)), 13: (2, box(0, 40))}
    content = {
        'images': [dict(id=n, file_name=f'{n}.png', height=SIZE[0], width=SIZE[1]) for n in (1, 2)],
        'categories': [dict(id=1, name='mug')],
        'annotations': [
            dict(id=i, image_id=image, category_id=1, segmentation=mask, visible_mask=box(0, 8))
            if i != 12
            else dict(id=i, image_id=image, category_id=1, segmentation=mask)
            for i, (image, mask) in truths.items()
        ],
    }
    (tmp_path / 'gt.json').write_text(json.dumps(content))
    methods = {
        'a': {11: box(0, 20), 12: box(30, 60), 13: box(0, 20)},
        'b': {11: box(0, 10), 12: box(30, 60), 13: box(20, 40)},
        'c': {11: box(0, 20), 13: box(0, 20)},
    }
    for name, masks in methods.items():
        entries = [
            dict(image_id=truths[i][0], annotation_id=i, segmentation=mask)
            for i, mask in masks.items()
        ]
        (tmp_path / f'{name}.json').write_text(json.dumps(entries))
    # A COCO result of another system: no annotation_id; it is found by the mask.
    other = [dict(image_id=2, category_id=1, segmentation=box(0, 36), score=0.9)]
    (tmp_path / 'other.json').write_text(json.dumps(other))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compare(*methods: str) -> ComparedObjects:
    return ComparedObjects(open_truth('gt.json', 'pictures'), {m: f'{m}.json' for m in methods})


def run(*arguments: str) -> None:
    load_tool(TOOL).main(['gt.json', *arguments])


def test_disagreement_by_hand(folder) -> None:
    two = compare('a', 'b')
    assert [two.disagreement(place) for place in range(3)] == pytest.approx([0.5, 0.0, 1.0])
    assert two.choose_by_disagreement(2) == [2, 0]
    three = compare('a', 'b', 'c')
    assert three.shared == [0, 2], 'c has no prediction of object 12'
    # a = c: the pairs of object 11 differ by 0.5, 0 and 0.5.
    assert three.disagreement(0) == pytest.approx(1 / 3)


def test_random_objects_are_those_of_the_seed(folder) -> None:
    objects = compare('a', 'b')
    chosen = [objects.choose_randomly(2, seed) for seed in range(8)]
    again = compare('a', 'b')
    assert chosen == [again.choose_randomly(2, seed) for seed in range(8)]
    assert len({tuple(one) for one in chosen}) > 1
    assert all(len(set(one)) == 2 and set(one) <= {0, 1, 2} for one in chosen)
    assert objects.choose_randomly(9, 0) == [0, 1, 2]


def test_objects_by_id(folder) -> None:
    objects = compare('a', 'c')
    assert objects.choose_ids(['13', '11']) == [2, 0]
    assert objects.choose_ids(['1:11']) == [0]
    with pytest.raises(ValueError, match=r'Id 99 belongs to no object of .*its first is 11'):
        objects.choose_ids(['99'])
    with pytest.raises(ValueError, match='Object 12 has no predictions of c'):
        objects.choose_ids(['12'])


def test_results_of_other_systems_are_joined_by_their_masks(folder) -> None:
    objects = compare('a', 'other')
    assert objects.shared == [2]
    frame = objects.picture(2)
    assert frame.methods['other'][:, :36].sum() == 360
    assert frame.truth.sum() == 400
    assert frame.visible.sum() == 80
    assert frame.title == '2:13 mug'
    assert (frame.image == 80).all()


def test_the_command_draws_what_was_chosen(folder, capsys) -> None:
    run('a=a.json', 'b=b.json', '--img-prefix=pictures', '--disagreement=1', '--out=o/x.png')
    said = capsys.readouterr().out
    assert '3 objects are shared by a, b' in said
    assert 'drawn: 2:13' in said
    one = cv2.imread('o/x.png')
    run('a=a.json', 'b=b.json', '--img-prefix=pictures', '--ids', '13', '--out=o/y.png')
    assert (cv2.imread('o/y.png') == one).all()
    run('a=a.json', 'b=b.json', '--img-prefix=pictures', '--out=o/z.png', '--tile=64')
    assert 'drawn: 1:11, 1:12, 2:13' in capsys.readouterr().out
    assert cv2.imread('o/z.png').shape[1] < one.shape[1]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['a.json'], 'a.json: expected NAME=PRED.json'),
        (['a=a.json', 'a=b.json'], 'The method a is given twice'),
        (['a=gone.json'], 'gone.json'),
        (['a=a.json', '--disagreement=1'], 'Disagreement needs two methods'),
        (['a=a.json', '--random=0'], '--random 0: expected at least 1'),
        (['a=a.json', '--ids=11', '--seed=3'], '--seed draws nothing without --random'),
        (['a=a.json', '--seed=-1'], '--seed -1: expected at least 0'),
        (['a=a.json', '--out=x.pdf'], '--out x.pdf: expected a name that ends in .png'),
        (['a=a.json', '--ids=99'], 'Id 99 belongs to no object'),
        (['a=a.json'], 'give the folder of the pictures with --img-prefix'),
        (['c=c.json', 'd=d.json'], 'No object of gt.json has predictions of all methods'),
        (['e=e.json'], "has no image 'x'"),
    ],
)
def test_mistakes_are_answered_in_one_line(arguments, words, folder, capsys) -> None:
    only_12 = [dict(image_id=1, annotation_id=12, segmentation=box(30, 60))]
    (folder / 'd.json').write_text(json.dumps(only_12))
    (folder / 'e.json').write_text(json.dumps([dict(image_id='x', segmentation=box(0, 9))]))
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith('error: ')
    assert words in line
    assert not list(folder.glob('*.png'))


def test_clips_become_a_strip(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    counts = {'train': 0, 'val': 0, 'test': 1}
    generate_clips('clips', counts, workers=1, frames=5, progress=False)
    truth = open_truth('clips/test_instance.txt')
    record, masks = truth.clip_masks(0)
    # One method has all frames, the other the last three: those are compared.
    for name, numbers in (('all', range(5)), ('late', range(2, 5))):
        entries = [
            dict(
                image_id=record['image_id'],
                annotation_id=record['annotation_id'],
                frame=t,
                segmentation=encode_mask(masks['amodal' if name == 'all' else 'visible'][t]),
            )
            for t in numbers
        ]
        Path(f'{name}.json').write_text(json.dumps(entries))
    objects = ComparedObjects(truth, {'all': 'all.json', 'late': 'late.json'})
    clip = objects.clip(0, max_frames=2)
    assert [frame.title for frame in clip.frames] == ['frame 2', 'frame 4']
    assert (clip.frames[1].methods['all'] == masks['amodal'][4]).all()
    assert (clip.frames[1].methods['late'] == masks['visible'][4]).all()
    name = f'{record["image_id"]}:{record["annotation_id"]}'
    assert objects.choose_ids([name]) == [0]
    load_tool(TOOL).main(
        ['clips/test_instance.txt', 'all=all.json', 'late=late.json', '--out=strip.png',
         '--tile=48', '--ids', name]
    )  # fmt: skip
    assert f'drawn: {name}' in capsys.readouterr().out
    assert cv2.imread('strip.png').shape[1] == 3 * 48 + 4 * 6
    assert os.path.getsize('strip.png') > 1000
