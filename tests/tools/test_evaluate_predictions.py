"""tools/analysis_tools/evaluate_predictions.py: what it prints, writes, draws and refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from c2fseg.evaluation import AmodalIoU
from c2fseg.evaluation.scoring import open_truth
from tests.evaluation.prediction_files import (
    HEIGHT,
    WIDTH,
    annotation,
    coded,
    entry,
    sample_of,
    write_predictions,
    write_truth,
)
from tests.tools.loading import load_tool

KINS_MINI = Path(__file__).parents[1] / 'data' / 'kins_mini'


def run(*arguments: str | Path) -> None:
    load_tool('analysis_tools/evaluate_predictions').main([str(one) for one in arguments])


def message(capsys, *arguments: str | Path) -> str:
    """What it says when it ends with status 2: one line."""
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith('error: ')
    return line


@pytest.fixture
def ours(tmp_path) -> Path:
    """What our own metric writes for the KINS fixture."""
    truth = open_truth(KINS_MINI / 'kins_v1.json')
    metric = AmodalIoU(out_file=tmp_path / 'ours.json')
    samples = [sample_of(truth, position) for position in range(len(truth.objects))]
    metric.process(None, samples)
    metric.evaluate(len(samples))
    return tmp_path / 'ours.json'


def test_all_outputs(ours, tmp_path, capsys) -> None:
    run(
        KINS_MINI / 'kins_v1.json', ours,
        '--protocol', 'c2f-image', 'pcnet', 'coco-amodal', 'coco-amodal-vrsp', 'amodal-ar',
        '--trivial', '--json', tmp_path / 'o.json', '--per-object', tmp_path / 'o.csv',
        '--contact-sheet', tmp_path / 'o.png', '--img-prefix', KINS_MINI / 'image_2',
        '--sheet-objects', '2',
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert 'protocol c2f-image | IoU in % at image size' in printed
    assert 'visible masks given to the model: gt (ground truth)' in printed
    assert '6 objects, 6 with a prediction (6 by annotation_id)' in printed
    assert '[95 % interval: 1000 resamples of images, seed 0]' in printed
    content = json.loads((tmp_path / 'o.json').read_text())
    assert set(content['protocols']) == {'c2f-image', 'pcnet'}
    assert set(content['detections']) == {'coco-amodal', 'coco-amodal-vrsp', 'amodal-ar'}
    everything = content['protocols']['c2f-image']['all']
    assert everything['prediction'] == everything['convex_hull']
    mean = everything['prediction']['raw']['mIoU_full']
    assert mean['low'] <= mean['value'] <= mean['high']
    with (tmp_path / 'o.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    ious = [float(row['c2f-image/prediction/raw/mIoU_full']) for row in rows]
    assert np.mean(ious) == pytest.approx(mean['value'], abs=1e-6)
    written = {one['annotation_id']: one['iou_full'] for one in json.loads(ours.read_text())}
    assert ious == pytest.approx([written[int(row['annotation_id'])] for row in rows], abs=1e-6)
    sheet = cv2.imread(str(tmp_path / 'o.png'))
    # Six rows of tiles with a heading for each group; the pictures are coloured.
    assert sheet.shape[0] > 6 * 224
    assert (sheet.max(axis=2).astype(int) - sheet.min(axis=2) > 20).mean() > 0.02


def test_the_same_result_twice_and_another_for_another_seed(ours, tmp_path) -> None:
    def numbers(*more: str) -> str:
        run(
            KINS_MINI / 'kins_v1.json', ours, '--protocol', 'c2f-image',
            '--json', tmp_path / 'n.json', '--resamples', '50', *more,
        )  # fmt: skip
        return (tmp_path / 'n.json').read_text()

    assert numbers() == numbers()
    plain = json.loads(numbers('--resamples', '0'))
    assert plain['protocols']['c2f-image']['all']['prediction']['raw']['mIoU_full']['low'] is None


def test_another_systems_results(tmp_path, capsys) -> None:
    objects = [annotation(11, 0, 20, 10), annotation(12, 20, 40, 40), annotation(13, 50, 60, 60)]
    truth = write_truth(tmp_path, objects)
    found = [
        entry(0, 18, category_id=1, score=0.9, visible_segmentation=coded(0, 10)),
        entry(20, 40, category_id=1, score=0.8, visible_segmentation=coded(20, 40)),
        entry(80, 90, category_id=2, score=0.7, visible_segmentation=coded(80, 90)),
    ]
    path = write_predictions(tmp_path, found)
    arguments = (truth, path, '--protocol', 'c2f-image-strict', 'coco-amodal')
    run(*arguments, '--contact-sheet', tmp_path / 's.png')
    printed = capsys.readouterr().out
    assert 'visible masks given to the model: pred:file (predicted)' in printed
    assert '3 objects, 2 with a prediction (2 by visible IoU)' in printed
    assert '1 objects without one score 0 and count: 13 of image 1' in printed
    assert '1 predictions belong to no object: entry 2 (image 1)' in printed
    assert '63.33' in printed  # (.9 + 1 + 0) / 3
    # Without pictures the masks are on grey.
    sheet = cv2.imread(str(tmp_path / 's.png'))
    assert (sheet == 150).all(axis=2).any()
    run(*arguments, '--missing', 'skip')
    assert '95.00' in capsys.readouterr().out
    assert '1 of 3 objects have no prediction' in message(capsys, *arguments, '--missing', 'stop')


def test_tracks_of_fishbowl(tmp_path, capsys) -> None:
    """One fish over three frames in the JSON form of the pickle: V is its left half."""
    size = (320, 480)

    def rle(left: int, right: int) -> dict:
        mask = np.zeros(size, np.uint8, order='F')
        mask[10:50, left:right] = 1
        code = coco_mask.encode(mask)
        return {'size': list(size), 'counts': code['counts'].decode()}

    everywhere = coco_mask.encode(np.ones(size, np.uint8, order='F'))
    everywhere = {'size': list(size), 'counts': everywhere['counts'].decode()}
    frames = {
        str(t): {'FM': [rle(t, t + 40)], 'VM': [rle(t, t + 20)], 'loss_mask_weight': [everywhere]}
        for t in range(3)
    }
    truth = tmp_path / 'test_data.json'
    truth.write_text(json.dumps({'00007_2': frames}))
    entries = [
        {'image_id': '00007', 'annotation_id': 2, 'frame': t, 'segmentation': rle(t, t + 30),
         'visible_source': 'gt'}
        for t in range(3)
    ]  # fmt: skip
    path = write_predictions(tmp_path, entries)
    run(truth, path, '--protocol', 'c2f-video-strict', '--contact-sheet', tmp_path / 'clip.png')
    printed = capsys.readouterr().out
    assert '75.00' in printed  # 30 of 40 columns
    assert '50.00' in printed  # 10 of the 20 hidden ones
    assert (tmp_path / 'clip.png').is_file()


def test_mistakes_are_answered_in_one_line(ours, tmp_path, capsys) -> None:
    truth = KINS_MINI / 'kins_v1.json'

    def said(*more: str | Path, predictions: Path = ours, protocol: str = 'c2f-image') -> str:
        return message(capsys, truth, predictions, '--protocol', protocol, *more)

    broken = tmp_path / 'broken.json'
    broken.write_text(ours.read_text()[:-200])
    assert 'is not JSON: entry' in said(predictions=broken)
    assert 'does not exist' in said(predictions=tmp_path / 'nowhere.json')
    dictionary = write_predictions(tmp_path, {'annotations': []}, 'dict.json')
    assert 'expected a JSON list of entries' in said(predictions=dictionary)
    entries = json.loads(ours.read_text())
    cases = {
        'no image 5': entries[0] | {'image_id': 5},
        'entry 1 of': entries[1] | {'segmentation': {'size': [9, 9], 'counts': [81]}},
        'score is a finite number, got nan': entries[1] | {'score': float('nan')},
        'both predict object 101': entries[0],
    }
    for number, (words, wrong) in enumerate(cases.items()):
        path = write_predictions(tmp_path, [entries[0], wrong], f'wrong_{number}.json')
        assert words in said(predictions=path)
    assert 'is of images, and c2f-video is not for these' in said(protocol='c2f-video')
    assert '--json x.txt must end with .json' in said('--json', 'x.txt')
    assert 'is the prediction file itself' in said('--json', ours)
    assert 'are of single objects' in said('--trivial', protocol='coco-amodal')
    assert '--resamples and --seed are 0 or more' in said('--resamples', '-1')
    assert '--resamples and --seed are 0 or more' in said('--seed', '-1')
    assert 'visible_source must be' in said('--visible-source', 'mine')
    assert 'ascending numbers' in said('--buckets', '0.5')
    assert 'does not exist' in said('--contact-sheet', 'x.png', '--img-prefix', tmp_path)
    assert 'names one twice' in message(capsys, truth, ours, '--protocol', 'c2f-image', 'c2f-image')
    spoilt = tmp_path / 'spoilt.json'
    content = json.loads(truth.read_text())
    del content['annotations'][2]['inmodal_seg']
    spoilt.write_text(json.dumps(content))
    said_of_truth = message(capsys, spoilt, ours, '--protocol', 'c2f-image')
    assert 'annotation 103 of' in said_of_truth
    assert "'inmodal_seg' is missing" in said_of_truth


def test_detections_need_scores_and_known_categories(tmp_path, capsys) -> None:
    truth = write_truth(tmp_path, [annotation(11, 0, 20, 10)])
    bare = write_predictions(tmp_path, [entry(0, 20, category_id=1)])
    arguments = ('--protocol', 'coco-amodal')
    assert 'entry 0 (image 1) has no score' in message(capsys, truth, bare, *arguments)
    other = write_predictions(tmp_path, [entry(0, 20, category_id=9, score=0.5)])
    assert 'has the category_id 9; average precision' in message(capsys, truth, other, *arguments)
    run(truth, other, '--protocol', 'amodal-ar')
    assert 'amodal, heavy' in capsys.readouterr().out
    some = write_predictions(tmp_path, [entry(0, 20, category_id=1, score=0.5)])
    run(truth, some, *arguments)
    assert 'no visible and occluded AP: 1 of 1 detections' in capsys.readouterr().out
    assert 'has no visible mask' in message(capsys, truth, some, '--protocol', 'coco-amodal-vrsp')


def test_pictures_of_another_size_are_refused(tmp_path, capsys) -> None:
    truth = write_truth(tmp_path, [annotation(11, 0, 20, 10)])
    path = write_predictions(tmp_path, [entry(0, 20, annotation_id=11, visible_source='gt')])
    cv2.imwrite(str(tmp_path / '1.png'), np.zeros((5, 5, 3), np.uint8))
    options = ('--protocol', 'c2f-image', '--contact-sheet', tmp_path / 's.png')
    assert '1.png' in message(capsys, truth, path, *options, '--img-prefix', tmp_path)
    cv2.imwrite(str(tmp_path / '1.png'), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    run(truth, path, *options, '--img-prefix', tmp_path)
    assert (tmp_path / 's.png').is_file()
