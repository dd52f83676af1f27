"""evaluate_pipeline: its numbers are those of pycocotools on the files that it writes."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.tools.loading import load_tool

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / 'demo' / 'data'
tool = load_tool('analysis_tools/evaluate_pipeline')
BASE = [
    'configs/c2f_shapes.py', 'weights/c2f_shapes.pth', '--detector',
    'configs/detectors/rtmdet_ins_shapes.py', 'weights/rtmdet_ins_shapes.pth',
]  # fmt: skip
FILES = {
    'detector': 'detector.json',
    'detector + hull': 'detector_hull.json',
    'detector + model': 'detector_model.json',
    'given + model': 'given_model.json',
}


@pytest.fixture(scope='module')
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, str]:
    """The folder with prediction files, the numbers, and what was printed."""
    folder = tmp_path_factory.mktemp('pipeline')
    arguments = [
        *BASE, '--ann-file', str(DATA / 'annotations.json'), '--img-dir', str(DATA),
        '--limit', '3', '--out-dir', str(folder), '--json', str(folder / 'numbers.json'),
        '--score-threshold', '0.2', '--device', 'cpu',
    ]  # fmt: skip
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(ROOT)
        tool.main(arguments)
    return folder, json.loads((folder / 'numbers.json').read_text()), said.getvalue()


def coco_numbers(predictions: Path, kind: str) -> dict[str, float]:
    """AP, AP50, AP75, AR@100 of pycocotools, with A or V of the annotations as the truth."""
    content = json.loads((DATA / 'annotations.json').read_text())
    ids = [image['id'] for image in content['images'][:3]]
    key, field = ('a_segm', 'segmentation') if kind == 'amodal' else (
        'i_segm', 'visible_segmentation',
    )  # fmt: skip
    truth = COCO()
    truth.dataset = {
        'images': [image for image in content['images'] if image['id'] in ids],
        'categories': content['categories'],
        'annotations': [
            {**entry, 'segmentation': entry[key], 'area': float(coco_mask.area(entry[key])),
             'iscrowd': 0}
            for entry in content['annotations'] if entry['image_id'] in ids
        ],
    }  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        entries = json.loads(predictions.read_text())
        found = truth.loadRes([{**entry, 'segmentation': entry[field]} for entry in entries])
        run = COCOeval(truth, found, 'segm')
        run.evaluate()
        run.accumulate()
        run.summarize()
    return {'AP': run.stats[0], 'AP50': run.stats[1], 'AP75': run.stats[2], 'AR@100': run.stats[8]}


@pytest.mark.parametrize('row', FILES)
@pytest.mark.parametrize('kind', ['amodal', 'visible'])
def test_numbers_are_those_of_pycocotools(outcome, row: str, kind: str) -> None:
    folder, numbers, _ = outcome
    expected = coco_numbers(folder / FILES[row], kind)
    assert numbers['scores'][row][kind] == pytest.approx(expected, abs=1e-9)


def test_rows_differ_by_their_masks_alone(outcome) -> None:
    folder, numbers, said = outcome
    rows = [json.loads((folder / name).read_text()) for name in list(FILES.values())[:3]]
    assert len(rows[0]) == len(rows[1]) == len(rows[2]) > 3
    for entries in zip(*rows, strict=True):
        kept = [
            {key: value for key, value in entry.items() if key != 'segmentation'}
            for entry in entries
        ]
        assert kept[0] == kept[1] == kept[2]
        alone, hull = (coco_mask.decode(entry['segmentation']) for entry in entries[:2])
        assert np.all(alone <= hull)
    # The visible masks of the last row are the annotated ones.
    assert numbers['scores']['given + model']['visible']['AP'] == 1
    assert numbers['scores']['detector']['occluded']['AP'] == 0
    assert said.startswith('3 pictures')
    assert '| detector + model |' in said


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--limit', '0'], '--limit is at least 1'),
        (['--img-dir', 'x'], '--ann-file and --img-dir belong together'),
        (['--ann-file', 'none.json', '--img-dir', 'x'], 'none.json does not exist'),
    ],
)
def test_wrong_arguments(monkeypatch, capsys, arguments, said) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stop:
        tool.main([*BASE, *arguments])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_classes_that_the_annotations_do_not_know(monkeypatch, capsys, tmp_path) -> None:
    content = json.loads((DATA / 'annotations.json').read_text())
    for category in content['categories']:
        category['name'] = f'no {category["name"]}'
    (tmp_path / 'other.json').write_text(json.dumps(content))
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit):
        tool.main([*BASE, '--ann-file', str(tmp_path / 'other.json'), '--img-dir', str(DATA)])
    assert 'has no category fish, leaf, star' in capsys.readouterr().err
