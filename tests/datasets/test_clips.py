"""The built-in clips on disk: the layout of MOViD-A, exact bytes, and what a clip promises."""

from __future__ import annotations

import hashlib
import json
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from c2fseg.datasets import MOViDADataset
from c2fseg.datasets.synthetic import (
    generate_clip_samples,
    generate_clips,
    plan_clip,
    split_families,
)
from c2fseg.datasets.synthetic.clip_writer import CLIP_SAMPLES_ID, CLIP_SPLIT_IDS
from c2fseg.datasets.synthetic.writer import SAMPLES_ID, SPLIT_IDS

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {'train': 3, 'val': 1, 'test': 1}
FRAMES = 4
SIDE = 256


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def lines(root: Path, split: str, name: str) -> list[str]:
    return (root / f'{split}_{name}.txt').read_text().splitlines()


def load_masks(folder: Path) -> tuple[dict, np.ndarray, np.ndarray]:
    """The metadata of a clip, its visible ids (T, H, W) and its amodal maps (T, n, H, W)."""
    metadata = json.loads((folder / 'metadata.json').read_text())
    frames = range(metadata['metadata']['num_frames'])
    objects = range(len(metadata['instances']))

    def read(name: str) -> np.ndarray:
        return cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)

    full = np.stack([read(f'segmentation_full_{t:05d}.png') for t in frames])
    amodal = np.stack(
        [np.stack([read(f'segmentation_{o}_{t:05d}.png') for o in objects]) for t in frames]
    )
    return metadata, full, amodal


@pytest.fixture(scope='module')
def clips(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('clips')
    written = generate_clips(root, COUNTS, seed=3, workers=1, frames=FRAMES, progress=False)
    assert written == {split: root / f'{split}_instance.txt' for split in COUNTS}
    return root


def folders(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.rglob('metadata.json'))


# ---- layout


def test_files_of_a_clip(clips):
    names = [str(folder.relative_to(clips)) for folder in folders(clips)]
    assert names == ['test/000000', 'train/000000', 'train/000001', 'train/000002', 'val/000000']
    for folder in folders(clips):
        metadata, full, amodal = load_masks(folder)
        assert metadata['metadata'] == {'num_frames': FRAMES, 'height': SIDE, 'width': SIDE}
        objects = len(metadata['instances'])
        assert 3 <= objects <= 6
        assert {item['category'] for item in metadata['instances']} <= set(split_families('train'))
        expected = {'metadata.json'}
        for t in range(FRAMES):
            picture = cv2.imread(str(folder / f'rgba_full_{t:05d}.png'), cv2.IMREAD_UNCHANGED)
            assert picture.shape == (SIDE, SIDE, 3)
            assert picture.dtype == np.uint8
            expected |= {f'rgba_full_{t:05d}.png', f'segmentation_full_{t:05d}.png'}
            expected |= {f'segmentation_{o}_{t:05d}.png' for o in range(objects)}
        assert {path.name for path in folder.iterdir()} == expected
        assert full.dtype == amodal.dtype == np.uint8
        assert full.shape == (FRAMES, SIDE, SIDE)
        assert amodal.shape == (FRAMES, objects, SIDE, SIDE)


def test_visible_ids_are_those_of_the_nearest_object(clips):
    for folder in folders(clips):
        _, full, amodal = load_masks(folder)
        expected = np.zeros_like(full)
        for item in range(amodal.shape[1]):  # the last object is the nearest
            assert set(np.unique(amodal[:, item])) <= {0, item + 1}
            np.copyto(expected, item + 1, where=amodal[:, item] > 0)
        np.testing.assert_array_equal(full, expected)


def test_boxes_are_those_of_the_visible_pixels(clips):
    for folder in folders(clips):
        metadata, full, _ = load_masks(folder)
        for item, instance in enumerate(metadata['instances']):
            expected = {}
            for t in range(FRAMES):
                rows, columns = np.where(full[t] == item + 1)
                if len(rows):
                    ends = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
                    expected[t] = [end / SIDE for end in ends]
            assert instance['bbox_frames'] == list(expected)
            assert instance['bboxes'] == list(expected.values())


def test_lists_name_what_is_there(clips):
    for split, count in COUNTS.items():
        instances, pairs = [], []
        for index in range(count):
            _, full, amodal = load_masks(clips / split / f'{index:06d}')
            for item in range(amodal.shape[1]):
                if (full == item + 1).any():
                    instances.append(f'{index:06d}_{item}_{item + 1}')
                pairs += [f'{index:06d}_{item}_{t}' for t in range(FRAMES) if amodal[t, item].any()]
        assert lines(clips, split, 'instance') == instances
        assert lines(clips, split, 'frame_list') == pairs


def test_the_loader_of_movid_a_reads_them(clips):
    dataset = MOViDADataset(
        ann_file='train_instance.txt', data_root=str(clips), data_prefix={'img': 'train'}
    )
    assert len(dataset) == len(lines(clips, 'train', 'instance'))
    info = dataset.get_data_info(0)
    assert len(info['img_paths']) == FRAMES
    assert info['category'] in split_families('train')


# ---- bytes


def test_same_seed_same_bytes_with_other_workers_and_counts(clips, tmp_path):
    counts = {'train': 1, 'val': 1}
    generate_clips(tmp_path, counts, seed=3, workers=2, frames=FRAMES, progress=False)
    first, second = digest(clips), digest(tmp_path)
    inside = [name for name in second if name.count('/') == 2]
    assert {name.rsplit('/', 1)[0] for name in inside} == {
        'train/000000',
        'val/000000',
    }
    assert all(first[name] == second[name] for name in [*inside, 'val_instance.txt'])


def test_splits_and_seeds_share_no_picture(clips, tmp_path):
    generate_clips(tmp_path, {'val': 1}, seed=4, workers=1, frames=2, progress=False)
    found = [*digest(clips).items(), *digest(tmp_path).items()]
    pictures = [value for name, value in found if 'rgba' in name]
    assert len(pictures) == 5 * FRAMES + 2
    assert len(set(pictures)) == len(pictures)


def test_clips_have_seeds_that_the_pictures_do_not_use():
    own = {*CLIP_SPLIT_IDS.values(), CLIP_SAMPLES_ID}
    assert len(own) == len(CLIP_SPLIT_IDS) + 1
    assert not own & {*SPLIT_IDS.values(), SAMPLES_ID}


def test_a_run_that_fails_leaves_no_instance_list(tmp_path, monkeypatch):
    target = generate_clips(tmp_path, {'val': 1}, workers=1, frames=1, progress=False)['val']
    assert target.exists()

    def fail(*args: object) -> None:
        raise OSError('no space left')

    monkeypatch.setattr('c2fseg.datasets.synthetic.clip_writer.plan_clip', fail)
    with pytest.raises(OSError, match='no space left'):
        generate_clips(tmp_path, {'val': 1}, workers=1, frames=1, progress=False)
    assert not target.exists()
    assert not list(tmp_path.rglob('*.part'))


def test_a_shorter_clip_leaves_no_frame_of_the_former_one(tmp_path):
    for frames in (3, 1):
        generate_clips(tmp_path, {'val': 1}, workers=1, frames=frames, progress=False)
    names = {path.name for path in (tmp_path / 'val' / '000000').iterdir()}
    assert 'rgba_full_00000.png' in names
    assert not [name for name in names if name.endswith(('_00001.png', '_00002.png'))]


# ---- what a clip promises


@pytest.fixture(scope='module')
def long_clips() -> list[tuple[np.ndarray, np.ndarray]]:
    """The areas (T, n) of amodal and visible masks of some clips of full length."""
    areas = []
    for seed in range(4):
        _, found = plan_clip(np.random.default_rng([21, seed]), split_families('train'), 24)
        assert not (found.visible & ~found.amodal).any()
        areas.append((found.amodal.sum(axis=(2, 3)), found.visible.sum(axis=(2, 3))))
    return areas


def test_objects_are_often_partly_and_sometimes_fully_hidden(long_clips):
    whole, seen = (np.concatenate([pair[i].ravel() for pair in long_clips]) for i in (0, 1))
    hidden = 1.0 - seen[seen > 0] / whole[seen > 0]
    assert np.mean((hidden >= 0.05) & (hidden <= 0.95)) > 0.4
    assert 0.02 < np.mean(seen[whole > 0] == 0) < 0.15


def test_each_object_is_clearly_seen_for_a_third_of_its_frames(long_clips):
    for whole, seen in long_clips:
        clear = (whole > 0) & (seen >= 0.3 * whole)
        assert (3 * clear.sum(axis=0) >= (whole > 0).sum(axis=0)).all()
        assert (whole > 0).any(axis=0).all()


# ---- arguments


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'counts': {'test_unseen': 1}}, "unknown split 'test_unseen'; the splits are train, val"),
        ({'counts': {'train': -1}}, 'number of train clips .* got -1'),
        ({'counts': {'train': 0}}, 'no clips wanted'),
        ({'counts': {'train': 1}, 'seed': -1}, 'seed must be .* got -1'),
        ({'counts': {'train': 1}, 'workers': 0}, 'workers must be .* got 0'),
        ({'counts': {'train': 1}, 'frames': 0}, 'frames must be .* got 0'),
        ({'counts': {'train': 1}, 'frames': 2.5}, 'frames must be .* got 2.5'),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_clips(tmp_path / 'out', **arguments)
    assert not (tmp_path / 'out').exists()


def test_a_clip_of_nothing_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match='at least one silhouette family'):
        plan_clip(rng, [], 3)
    with pytest.raises(ValueError, match='at least 1 frame, got 0'):
        plan_clip(rng, ['car'], 0)
    with pytest.raises(KeyError, match='lorry'):
        plan_clip(rng, ['lorry'], 3)


def test_output_folder_that_is_a_file(tmp_path):
    (tmp_path / 'out').write_text('')
    with pytest.raises(NotADirectoryError, match='name a folder'):
        generate_clips(tmp_path / 'out', {'val': 1})


def test_command_line_says_one_sentence_on_bad_arguments(tmp_path, monkeypatch):
    tool = ROOT / 'tools' / 'dataset_converters' / 'make_clips.py'
    monkeypatch.setattr('sys.argv', [str(tool), '--out', str(tmp_path), '--frames', '0'])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(tool), run_name='__main__')
    assert str(stop.value) == (
        'make_clips: the number of frames must be a whole number of at least 1, got 0'
    )


def test_command_line_writes_the_splits_asked_for(tmp_path, monkeypatch, capsys):
    tool = ROOT / 'tools' / 'dataset_converters' / 'make_clips.py'
    options = ['--train', '0', '--val', '1', '--test', '0', '--frames', '1', '--workers', '1']
    monkeypatch.setattr('sys.argv', [str(tool), '--out', str(tmp_path), *options])
    runpy.run_path(str(tool), run_name='__main__')
    assert capsys.readouterr().out.split() == [str(tmp_path / 'val_instance.txt')]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'val',
        'val_frame_list.txt',
        'val_instance.txt',
    ]


# ---- samples


def test_a_sample_shows_an_object_that_vanishes_and_comes_back(tmp_path):
    (folder,) = generate_clip_samples(tmp_path, count=1, seed=1, frames=12)
    assert folder == tmp_path / '000000'
    metadata, full, amodal = load_masks(folder)
    assert metadata['metadata']['num_frames'] == 12
    assert len(metadata['instances']) <= 4
    hidden_between = []
    for item in range(amodal.shape[1]):
        frames = [t for t in range(12) if (full[t] == item + 1).any()]
        gone = [t for t in range(frames[0], frames[-1]) if t not in frames]
        hidden_between.append(sum(amodal[t, item].any() for t in gone))
    assert max(hidden_between) >= 2
    with pytest.raises(ValueError, match='at least 8, got 7'):
        generate_clip_samples(tmp_path, frames=7)
