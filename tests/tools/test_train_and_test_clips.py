"""Clips through tools/train.py and tools/test.py, in folders that are not the repository."""

from __future__ import annotations

import json
import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from c2fseg.datasets.synthetic import generate_clips
from tests.engine.processes import Process
from tests.tools.test_train_and_test import CONFIGS, REPOSITORY, message, run_tool

FRAMES = 5
SIDE = 256  # of a built-in clip, px
VIDEO_CONFIG = str(CONFIGS / 'c2f_shapes_video.py')
LAST = 'iter_2.pth'
SHORT = (
    'train_cfg.max_iters=2',
    'train_cfg.val_interval=2',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'train_dataloader.dataset.pipeline.0.num_frames=4',
    'val_dataloader.dataset.indices=1',
)
THREE_OBJECTS = ('test_dataloader.num_workers=0', 'test_dataloader.dataset.indices=3')


def workplace(root: Path, *links: str) -> Path:
    """A new folder beside the data, with links to them and to the repository's weights."""
    directory = root / f'workplace_{len(list(root.glob("workplace_*[0-9]")))}'
    directory.mkdir()
    sources = dict(data=root / 'data', weights=REPOSITORY / 'weights')
    for link in links:
        (directory / link).symlink_to(sources[link])
    return directory


def start(directory: Path, tool: str, *arguments: str, options: tuple[str, ...]) -> Process:
    return Process(run_tool, directory, tool, [*arguments, '--cfg-options', *options])


def metrics(directory: Path) -> dict[str, Any]:
    """The numbers of the only test that wrote into a folder."""
    [path] = directory.glob('work_dirs/*/*/*.json')
    return json.loads(path.read_text())


def by_object(path: Path) -> dict[tuple[str, int], list[dict]]:
    """The entries of a prediction file, object by object in the file's order."""
    entries = json.loads(path.read_text())
    groups = groupby(entries, key=lambda entry: (entry['image_id'], entry['annotation_id']))
    found = [(key, list(group)) for key, group in groups]
    assert len(dict(found)) == len(found), 'the frames of an object stand together'
    return dict(found)


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    """Two clips for training, one for validation and one for the test, of five frames each."""
    root = tmp_path_factory.mktemp('elsewhere')
    counts = {'train': 2, 'val': 1, 'test': 1}
    data = root / 'data/shapes_video'
    generate_clips(data, counts, workers=1, frames=FRAMES, progress=False)
    return root


@pytest.fixture(scope='module')
def trained(root) -> tuple[Path, str]:
    """Where two iterations were trained from the config as it is, and what the run printed."""
    directory = workplace(root, 'data', 'weights')
    return directory, start(directory, 'train', VIDEO_CONFIG, options=SHORT).wait()


@pytest.fixture(scope='module')
def predicted(root, trained) -> dict[int, Path]:
    """Folders with the predictions of three objects at a time, with pictures, and of one."""
    checkpoint = str(trained[0] / 'work_dirs/c2f_shapes_video' / LAST)
    folders, processes = {}, []
    for size, more in ((3, ('--show-dir', 'pictures')), (1, ())):
        folders[size] = workplace(root, 'data')  # the weights that it began with are not needed
        processes.append(
            start(
                folders[size], 'test', VIDEO_CONFIG, checkpoint, '--out', 'out.json', *more,
                options=(*THREE_OBJECTS, f'test_dataloader.batch_size={size}'),
            )
        )  # fmt: skip
    for process in processes:
        process.wait()
    return folders


def test_a_clip_model_starts_from_the_image_model_and_is_validated(trained):
    directory, output = trained
    assert 'starts from weights/c2f_shapes.pth; new are' in output
    assert 'c2f-video: tracks' in output
    assert (directory / 'work_dirs/c2f_shapes_video' / LAST).is_file()
    assert list(directory.glob('work_dirs/*/*/vis_data/vis_image/val_*.png'))


def test_every_frame_of_every_object_has_an_entry(predicted):
    objects = by_object(predicted[3] / 'out.json')
    assert list(objects) == [('000000', item) for item in range(3)]
    for entries in objects.values():
        assert [entry['frame'] for entry in entries] == list(range(FRAMES))
        for entry in entries:
            for key in ('segmentation', 'visible_segmentation', 'coarse_segmentation'):
                assert entry[key]['size'] == [SIDE, SIDE]
            assert 0 <= entry['score'] <= 1
            assert 0 <= entry['iou_full'] <= 1
            assert entry['protocol'] == 'c2f-video'
    scores = metrics(predicted[3])
    full = [
        np.mean([entry['iou_full'] for entry in entries if entry['iou_occ'] is not None])
        for entries in objects.values()
    ]
    assert scores['c2f-video/gt/refined/raw/mIoU_full'] == pytest.approx(np.mean(full))


def test_pictures_show_the_clips(predicted):
    pictures = sorted((predicted[3] / 'pictures').iterdir())
    assert [path.name for path in pictures] == [f'000000_{item}.png' for item in range(3)]
    drawn = [cv2.imread(str(path)) for path in pictures]
    for picture in drawn:
        assert min(picture.shape[:2]) > 100
        assert picture.std() > 10
    assert not np.array_equal(drawn[0], drawn[1])


def test_how_many_clips_go_together_changes_nothing(predicted):
    three, one = (by_object(folder / 'out.json') for folder in predicted.values())
    assert three == one


def test_training_goes_on_where_it_stood_without_the_first_weights(root, trained):
    directory = workplace(root, 'data')
    shutil.copytree(trained[0] / 'work_dirs', directory / 'work_dirs')
    options = (*SHORT, 'train_cfg.max_iters=3', 'train_cfg.val_interval=9')
    output = start(directory, 'train', VIDEO_CONFIG, '--resume', options=options).wait()
    assert 'weights/c2f_shapes.pth is not there (model)' in output
    assert 'resumed epoch: 0, iter: 2' in output
    assert (directory / 'work_dirs/c2f_shapes_video/iter_3.pth').is_file()


def true_shares(data: Path) -> dict[tuple[str, int], list[float]]:
    """|V| / |A| of the frames in which an object of the test split is visible, from the files."""
    shares = {}
    for line in (data / 'test_instance.txt').read_text().split():
        video, item, value = line.split('_')
        shown = json.loads((data / 'test' / video / 'metadata.json').read_text())
        areas = []
        for frame in shown['instances'][int(item)]['bbox_frames']:
            names = f'segmentation_full_{frame:05d}.png', f'segmentation_{item}_{frame:05d}.png'
            masks = [cv2.imread(str(data / 'test' / video / name), -1) for name in names]
            areas.append([(mask == int(value)).sum() for mask in masks])
        shares[video, int(item)] = [visible / amodal for visible, amodal in areas]
    return shares


@pytest.fixture(scope='module')
def without_time(root) -> dict[str, Path]:
    """Folders with the results of all that knows no time: trivial answers and the image model."""
    folders = {}
    for name, weights in (
        ('trivial_visible_shapes_video', 'none'),
        ('trivial_hull_shapes_video', 'none'),
        ('c2f_shapes_by_frame', str(REPOSITORY / 'weights/c2f_shapes.pth')),
    ):
        folders[name] = workplace(root, 'data')
        start(
            folders[name], 'test', str(CONFIGS / f'{name}.py'), weights, '--out', 'out.json',
            options=THREE_OBJECTS[:1],
        ).wait()  # fmt: skip
    return folders


def test_the_visible_mask_scores_what_the_files_say(root, without_time):
    shares = true_shares(root / 'data/shapes_video')
    scores = metrics(without_time['trivial_visible_shapes_video'])
    expected = np.mean([np.mean(values) for values in shares.values()])
    assert scores['c2f-video/gt/refined/raw/mIoU_full'] == pytest.approx(expected, abs=1e-6)
    assert scores['c2f-video/gt/refined/raw/mIoU_occ'] == 0
    assert scores['frames/gt/refined/raw/mIoU_occ_hidden_5-95'] == 0

    objects = by_object(without_time['trivial_visible_shapes_video'] / 'out.json')
    assert list(objects) == list(shares)
    for key, entries in objects.items():
        counted = [entry for entry in entries if entry['iou_occ'] is not None]
        assert [entry['iou_full'] for entry in counted] == pytest.approx(shares[key], abs=1e-6)
        assert {entry['iou_occ'] for entry in counted} == {0.0}


def test_hull_and_image_model_guess_hidden_parts(without_time):
    """The image model sees single frames and completes them better than a hull does."""
    occluded = {
        name: metrics(folder)['c2f-video/gt/refined/raw/mIoU_occ']
        for name, folder in without_time.items()
    }
    assert occluded['c2f_shapes_by_frame'] > occluded['trivial_hull_shapes_video'] > 0


def test_missing_files_are_named_with_the_command_that_makes_them(root, monkeypatch, capsys):
    monkeypatch.chdir(workplace(root))
    for tool, config in (('train', 'c2f_shapes_video'), ('test', 'trivial_hull_shapes_video')):
        said = message(tool, CONFIGS / f'{config}.py', capsys=capsys)
        assert 'python tools/dataset_converters/make_clips.py --out data/shapes_video' in said
    monkeypatch.chdir(workplace(root, 'data'))
    said = message('train', VIDEO_CONFIG, capsys=capsys)
    assert 'weights/c2f_shapes.pth do not exist (model.init_cfg.checkpoint)' in said
    assert 'model.init_cfg.checkpoint=PATH' in said


def test_a_broken_frame_stops_the_test_or_leaves_its_objects_out(root):
    """One of two clips has a frame that was not copied to its end."""
    folders = [workplace(root), workplace(root)]
    data = folders[0] / 'data/shapes_video'
    shutil.copytree(root / 'data/shapes_video/test', data / 'test')
    shutil.copytree(data / 'test/000000', data / 'test/000001')
    lines = (root / 'data/shapes_video/test_instance.txt').read_text()
    both = lines + lines.replace('000000_', '000001_')
    (data / 'test_instance.txt').write_text(both)
    broken = data / 'test/000001/rgba_full_00002.png'
    broken.write_bytes(broken.read_bytes()[:-1000])

    config = str(CONFIGS / 'trivial_visible_shapes_video.py')
    options = (THREE_OBJECTS[0], f'test_dataloader.dataset.data_root={data}')
    skip = (*options, 'test_dataloader.dataset.image_check=skip')
    stopped = start(folders[0], 'test', config, options=options)
    skipped = start(folders[1], 'test', config, '--out', 'out.json', options=skip)
    said = stopped.fail()
    assert f'error: image file {broken} cannot be read: truncated PNG' in said
    assert str(broken) in skipped.wait()
    assert {video for video, _ in by_object(folders[1] / 'out.json')} == {'000000'}
