"""What a call writes: drawings, masks, JSON files; interrupted calls, and shares of several."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from c2fseg.apis import AmodalInferencer, MaskFile
from c2fseg.apis.journal import JournalError
from c2fseg.apis.result_files import merge_results
from c2fseg.mask_sources import COCOResultsSource, Picture
from c2fseg.structures import decode_mask

from .fake_sources import BrightSource, bright_picture

ROOT = Path(__file__).parents[2]
UPPER, LOWER = (3, 2, 9, 8), (20, 14, 30, 20)
# A stroke from corner to corner of a box: its hull is more than itself.
KINDS = [(UPPER,), (), (UPPER, LOWER), (LOWER,)]
LEAN = {'save': ('json',), 'progress': False}


@pytest.fixture(scope='module')
def inferencer() -> AmodalInferencer:
    """Completes the bright objects of a picture by their convex hull."""
    model = AmodalInferencer('trivial_hull_shapes', device='cpu').model
    return AmodalInferencer(model, mask_source=BrightSource())


def write_pictures(folder: Path, count: int) -> list[str]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(count):
        paths.append(str(folder / f'{number:06d}.png'))
        image = bright_picture(*KINDS[number % 4])
        image[4, 5] = 40  # a hole, which the hull closes
        cv2.imwrite(paths[-1], image)
    return paths


def read_files(out: Path) -> dict[str, bytes]:
    """Content of all files but journals, which say where they lie."""
    files = [path for path in out.rglob('*') if path.is_file() and path.name[0] != '.']
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(files)}


def test_layout(inferencer, tmp_path):
    out = tmp_path / 'out'
    paths = write_pictures(tmp_path / 'in', 3)
    results = inferencer(paths, out_dir=out, progress=False)
    assert sorted(read_files(out)) == [
        'errors.json',
        'masks/000000/000_amodal.png',
        'masks/000000/000_visible.png',
        *(f'masks/000002/00{i}_{kind}.png' for i in (0, 1) for kind in ('amodal', 'visible')),
        'predictions.json',
        *(f'visualizations/00000{i}.png' for i in range(3)),
    ]
    assert results['visualization'] == [str(out / f'visualizations/00000{i}.png') for i in range(3)]
    for position, picture in enumerate(results['predictions']):
        for place, item in enumerate(picture['objects']):
            for kind in ('amodal', 'visible'):
                name = out / 'masks' / f'{position:06d}' / f'{place:03d}_{kind}.png'
                mask = cv2.imread(str(name), cv2.IMREAD_UNCHANGED)
                assert mask.dtype == np.uint8
                assert (mask == 255 * item[f'{kind}_mask']).all()
    assert json.loads((out / 'errors.json').read_text()) == []


def test_predictions_are_read_by_others_and_by_us(inferencer, tmp_path):
    out = tmp_path / 'out'
    paths = write_pictures(tmp_path / 'in', 3)
    objects = [one['objects'] for one in inferencer(paths, out_dir=out, **LEAN)['predictions']]
    truth = COCO()
    truth.dataset = {
        'images': [{'id': i, 'height': 24, 'width': 32} for i in range(3)],
        'categories': [{'id': 0}, {'id': 1}],
        'annotations': [],
    }
    truth.createIndex()
    read = truth.loadRes(str(out / 'predictions.json'))
    assert [len(read.getAnnIds(imgIds=[i])) for i in range(3)] == [1, 0, 2]
    second = read.loadAnns(read.getAnnIds(imgIds=[2]))[1]
    assert second['score'] == 0.75
    assert second['mask_score'] == objects[2][1]['score']
    assert second['category_id'] == 1
    assert second['area'] == objects[2][1]['amodal_mask'].sum()
    assert (read.annToMask(second) == objects[2][1]['amodal_mask']).all()
    # As visible masks, the visible ones are read, the completed ones are not.
    entries = MaskFile(out / 'predictions.json').find(paths[2])
    for entry, item in zip(entries, objects[2], strict=True):
        assert (decode_mask(entry.visible, 24, 32) == item['visible_mask']).all()
    source = COCOResultsSource(out / 'predictions.json', score_threshold=0.6)
    image = np.zeros((24, 32, 3), np.uint8)
    found = source.find([Picture(image, path) for path in paths])
    assert [len(one) for one in found] == [0, 0, 1]
    assert found[2][0].score == 0.75


def test_each_kind_of_output_can_be_left_out(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 1)
    for save, names in (
        (('masks',), ['masks']),
        (('pictures',), ['visualizations']),
        (('json',), ['.progress.jsonl', 'errors.json', 'predictions.json']),
        ((), []),
    ):
        out = tmp_path / f'out_{"".join(save)}'
        inferencer(paths, out_dir=out, save=save)
        assert sorted(path.name for path in out.iterdir()) == names


def test_masks_of_a_former_call_go_and_other_files_stay(inferencer, tmp_path):
    folder = tmp_path / 'out' / 'masks' / '000000'
    folder.mkdir(parents=True)
    for name in ('007_amodal.png', 'mine.png'):
        (folder / name).write_bytes(b'')
    inferencer(write_pictures(tmp_path / 'in', 1), out_dir=tmp_path / 'out', save=('masks',))
    names = ['000_amodal.png', '000_visible.png', 'mine.png']
    assert sorted(path.name for path in folder.iterdir()) == names


def test_broken_pictures_and_masks_are_listed(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 3)
    Path(paths[1]).write_text('no picture')
    out = tmp_path / 'out'
    masks = [[np.ones((24, 32), bool), np.zeros((24, 32), bool)], [], []]
    inferencer(paths, masks, out_dir=out, on_error='skip', **LEAN)
    first, second = json.loads((out / 'errors.json').read_text())
    assert (first['image'], first['object']) == (paths[0], 1)
    assert 'its visible mask is empty' in first['error']
    assert (second['image'], second['object']) == (paths[1], None)
    assert '000001.png' in second['error']
    assert len(json.loads((out / 'predictions.json').read_text())) == 1


def test_folders_that_are_read_are_not_written(inferencer, tmp_path):
    folder = tmp_path / 'visualizations'
    paths = write_pictures(folder, 1)
    with pytest.raises(ValueError, match='lies in the folder of the drawings'):
        inferencer(paths, out_dir=tmp_path)


def test_options_that_do_not_fit(inferencer, tmp_path):
    image = bright_picture(UPPER)
    for options, words in (
        ({'save': 'json'}, 'save holds some of'),
        ({'save': ('jsonl',)}, 'save holds some of'),
        ({'resume': True}, 'resume=True needs the out_dir'),
        ({'resume': True, 'out_dir': tmp_path, 'save': ('masks',)}, "'json' in save"),
        ({'shard': (2, 2)}, 'shard is'),
    ):
        with pytest.raises(ValueError, match=words):
            inferencer(image, **options)


def test_names_of_files_are_safe_and_differ(inferencer, tmp_path):
    image = bright_picture(UPPER)
    names = ['one/a b.png', 'two/a b.png', 'two/A_b.jpg', 'x' * 240 + '.png']
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), image)
    out = tmp_path / 'out'
    inferencer([tmp_path / name for name in names], out_dir=out, save=('masks',), progress=False)
    found = sorted(path.name for path in (out / 'masks').iterdir())
    assert found == ['A_b_3', 'a_b', 'a_b_2', 'x' * 200]


# --- interrupted calls ------------------------------------------------------------------------

CHILD = """
import sys
from c2fseg.apis import AmodalInferencer
from tests.apis.fake_sources import BrightSource

source = BrightSource(delay=0.05)
inferencer = AmodalInferencer('trivial_hull_shapes', device='cpu', mask_source=source)
inferencer(sys.argv[1], out_dir=sys.argv[2], save=('masks', 'json'), progress=False)
"""


def test_killed_work_goes_on(inferencer, tmp_path):
    """The process is killed while it works; what is there in the end is as if it had not been."""
    folder, out, whole = tmp_path / 'in', tmp_path / 'out', tmp_path / 'whole'
    write_pictures(folder, 60)
    options = {'save': ('masks', 'json'), 'progress': False}
    expected = inferencer(str(folder), out_dir=whole, **options)
    journal = out / '.progress.jsonl'
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    child = subprocess.Popen(
        [sys.executable, '-c', CHILD, str(folder), str(out)],
        env={**os.environ, 'PYTHONPATH': path},
    )
    try:
        while not journal.is_file() or journal.read_bytes().count(b'\n') < 6:
            assert child.poll() is None
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert not (out / 'predictions.json').exists()
    lines = journal.read_bytes().splitlines(keepends=True)
    before = len(lines) - 1
    assert 5 <= before < 60
    # The last line as a kill in its middle would leave it.
    journal.write_bytes(b''.join(lines)[:-7])
    source = BrightSource()
    resumed = AmodalInferencer(inferencer.model, mask_source=source)
    results = resumed(str(folder), out_dir=out, resume=True, **options)
    assert sum(source._calls) == 60 - (before - 1)
    assert read_files(out) == read_files(whole)
    for one, other in zip(results['predictions'], expected['predictions'], strict=True):
        assert one.pop('visualization', None) is other.pop('visualization')
        for first, second in zip(one.pop('objects'), other.pop('objects'), strict=True):
            assert first.keys() == second.keys()
            assert all(np.array_equal(first[key], second[key]) for key in first)
        assert one == other


def test_finished_work_is_not_done_again(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 4)
    out = tmp_path / 'out'
    inferencer(paths, out_dir=out, **LEAN)
    before = read_files(out)
    (out / 'predictions.json').unlink()
    source = BrightSource()
    again = AmodalInferencer(inferencer.model, mask_source=source)
    again(paths, out_dir=out, resume=True, **LEAN)
    assert source._calls == []
    assert read_files(out) == before
    again(paths, out_dir=out, **LEAN)
    assert len(source._calls) == 4


def test_pictures_that_failed_are_tried_again(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 3)
    content = Path(paths[0]).read_bytes()
    Path(paths[0]).write_text('no picture')
    out = tmp_path / 'out'
    inferencer(paths, out_dir=out, on_error='skip', **LEAN)
    assert len(json.loads((out / 'errors.json').read_text())) == 1
    Path(paths[0]).write_bytes(content)
    results = inferencer(paths, out_dir=out, resume=True, **LEAN)
    assert [len(one['objects']) for one in results['predictions']] == [1, 0, 2]
    assert json.loads((out / 'errors.json').read_text()) == []
    assert len(json.loads((out / 'predictions.json').read_text())) == 3


def test_work_of_another_call_is_refused(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 3)
    out = tmp_path / 'out'
    inferencer(paths, out_dir=out, **LEAN)
    again = {'out_dir': out, 'resume': True, **LEAN}
    with pytest.raises(JournalError, match=r'seed \(0 then, 1 now\)'):
        inferencer(paths, seed=1, **again)
    with pytest.raises(JournalError, match='for 3 pictures, this call has 2'):
        inferencer(paths[:2], **again)
    with pytest.raises(JournalError, match='other options: pictures'):
        inferencer(paths[::-1], **again)
    with pytest.raises(JournalError, match='other options: masks'):
        inferencer(paths, [[], [], []], **again)
    other = AmodalInferencer('trivial_visible_shapes', device='cpu', mask_source=BrightSource())
    with pytest.raises(JournalError, match='other options: model'):
        other(paths, **again)
    journal = out / '.progress.jsonl'
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b''.join([lines[0], b'{broken\n', *lines[1:]]))
    with pytest.raises(JournalError, match=r'line 2 cannot be read'):
        inferencer(paths, **again)


# --- shares -----------------------------------------------------------------------------------


def test_shares_together_are_the_whole(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 7)
    inferencer(paths, out_dir=tmp_path / 'whole', progress=False)
    out = tmp_path / 'out'
    for number in (2, 0, 1):
        results = inferencer(paths, out_dir=out, shard=(number, 3), progress=False)
        assert [one['image'] for one in results['predictions']] == paths[number::3]
        assert not (out / 'predictions.json').exists()
    counts = merge_results(out)
    assert counts == {'pictures': 7, 'objects': 7, 'errors': 0}
    assert read_files(out) == read_files(tmp_path / 'whole')


def test_merge_names_what_is_missing_or_there_twice(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 5)
    out = tmp_path / 'out'
    with pytest.raises(FileNotFoundError, match='holds no journal'):
        merge_results(tmp_path)
    inferencer(paths, out_dir=out, shard=(0, 2), **LEAN)
    with pytest.raises(JournalError, match=r'2 of 5 pictures are missing: picture 1 \(process 1'):
        merge_results(out)
    inferencer(paths, out_dir=out, shard=(1, 2), **LEAN)
    merge_results(out)
    journal = out / '.progress-1-of-2.jsonl'
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b''.join(lines[:-1]))
    with pytest.raises(JournalError, match=r'1 of 5 pictures are missing: .*000003\.png;'):
        merge_results(out)
    journal.write_bytes(b''.join([*lines, lines[1]]))
    with pytest.raises(JournalError, match=r'1 pictures are there twice: .*000001\.png'):
        merge_results(out)
    inferencer(paths, out_dir=out, shard=(1, 2), seed=3, **LEAN)
    with pytest.raises(JournalError, match='different inputs or options'):
        merge_results(out)


def test_interrupted_shares_go_on_in_one_process(inferencer, tmp_path):
    paths = write_pictures(tmp_path / 'in', 6)
    inferencer(paths, out_dir=tmp_path / 'whole', **LEAN)
    out = tmp_path / 'out'
    inferencer(paths, out_dir=out, shard=(1, 2), **LEAN)
    source = BrightSource()
    AmodalInferencer(inferencer.model, mask_source=source)(paths, out_dir=out, resume=True, **LEAN)
    assert len(source._calls) == 3
    assert read_files(out) == read_files(tmp_path / 'whole')
