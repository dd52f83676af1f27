"""Fishbowl pickles and their JSON form, whole and broken."""

from __future__ import annotations

import os
import pickle
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from pycocotools import mask as coco_mask

from c2fseg.datasets import FishbowlDataset, SampleDraw
from c2fseg.registry import DATASETS

ROOT = Path(__file__).parents[2]
BASE = ROOT / 'configs' / '_base_' / 'datasets'
TOOL = ROOT / 'tools' / 'dataset_converters' / 'pickle_to_json.py'
SIZE = (12, 16)
START, FRAMES = 3, 4


def amodal(frame: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[2:8, frame : frame + 6] = True
    return mask


def visible(frame: int) -> np.ndarray:
    """Another fish stands over columns 8 to 11."""
    mask = amodal(frame)
    mask[:, 8:12] = False
    return mask


def evaluable() -> np.ndarray:
    mask = np.ones(SIZE, bool)
    mask[:, 8:12] = False
    return mask


def rle(mask: np.ndarray) -> dict:
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))


def frame_entry(frame: int) -> dict[str, Any]:
    """One frame of a track, with all the fields of the published file."""
    return {
        'FM': [rle(amodal(frame))],
        'VM': [rle(visible(frame))],
        'loss_mask_weight': [rle(evaluable())],
        'FM_bx': np.array([2, 7, frame, frame + 5]),
        'VM_bx': [np.int64(2), 7, frame, 7],
        'OCC_R': np.float64(0.25),
        'IoU': None,
        'fish_type': 'acanthurus',
    }


def content() -> dict[str, dict]:
    track = {t: frame_entry(t) for t in range(START, START + FRAMES)}
    # Not in the order of time, and numbered by numpy.
    other = {np.int64(t): frame_entry(t) for t in (6, 4, 5)}
    return {'00012_3': track, '00002_0': other}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for video in ('00012', '00002'):
        folder = tmp_path / 'frames' / video
        folder.mkdir(parents=True)
        for t in range(START, START + FRAMES):
            picture = np.full((*SIZE, 3), 10 * t, np.uint8)  # the grey level tells the frame
            cv2.imwrite(str(folder / f'{t:05d}.png'), picture)
    (tmp_path / 'fish.pkl').write_bytes(pickle.dumps(content()))
    return tmp_path


def build(root: Path, ann_file: str = 'fish.pkl', **kwargs: Any) -> FishbowlDataset:
    arguments = {'frame_size': SIZE, 'data_prefix': {'img': 'frames'}} | kwargs
    return FishbowlDataset(ann_file, data_root=str(root), **arguments)


def ids(dataset: FishbowlDataset) -> list[str]:
    return [dataset.get_data_info(i)['sample_id'] for i in range(len(dataset))]


def to_json(path: Path) -> None:
    """Convert a pickle as the tool does."""
    runpy.run_path(str(TOOL))['convert'](path, path.with_suffix('.json'))


def spoil(root: Path, change: Callable[[dict], Any], suffix: str = 'pkl') -> str:
    """Let a function change the content and write it; gives the file's name."""
    spoilt = content()
    changed = change(spoilt)
    spoilt = spoilt if changed is None else changed
    (root / 'spoilt.pkl').write_bytes(pickle.dumps(spoilt))
    if suffix == 'json':
        to_json(root / 'spoilt.pkl')
    return f'spoilt.{suffix}'


# --- records ----------------------------------------------------------------------------------


def test_record(root: Path) -> None:
    dataset = build(root)
    assert ids(dataset) == ['00012_3', '00002_0']
    assert dataset.metainfo['classes'] == ('fish',)
    record = dataset.get_data_info(0)
    folder = root / 'frames' / '00012'
    assert record['img_paths'] == [str(folder / f'0000{t}.png') for t in (3, 4, 5, 6)]
    assert (record['height'], record['width']) == SIZE
    assert (record['image_id'], record['annotation_id']) == ('00012', 3)
    assert (record['category'], record['category_id']) == ('fish', 0)
    assert record['frame_valid'].tolist() == [True] * 4
    assert record['frame_counted'].tolist() == [True] * 4
    assert record['frame_indices'].tolist() == [3, 4, 5, 6]
    # 36 pixels a frame; of columns 8 to 11 frame t covers t - 2, six rows each.
    assert record['occlusion_rate'] == pytest.approx(6 * (1 + 2 + 3 + 4) / (4 * 36))
    for place, t in enumerate(range(3, 7)):
        assert record['amodal_segmentations'][place] == rle(amodal(t))
        assert record['visible_segmentations'][place] == rle(visible(t))
        assert record['evaluable_segmentations'][place] == rle(evaluable())
    assert dataset.get_data_info(1)['frame_indices'].tolist() == [4, 5, 6]
    assert dataset.get_data_info(1)['amodal_segmentations'][0] == rle(amodal(4))


def test_masks_and_frames_that_are_loaded(root: Path) -> None:
    results = build(root, pipeline=[{'type': 'LoadFrames'}, {'type': 'LoadAmodalMasks'}])[1]
    assert [int(frame[0, 0, 0]) for frame in results['img']] == [40, 50, 60]
    for place, t in enumerate((4, 5, 6)):
        assert np.array_equal(results['gt_amodal_mask'][place], amodal(t))
        assert np.array_equal(results['gt_visible_mask'][place], visible(t))
        assert np.array_equal(results['evaluable_mask'][place], evaluable())


@pytest.mark.parametrize('protocol', [2, 4, 5])
def test_json_and_pickle_give_the_same_records(root: Path, protocol: int) -> None:
    (root / 'fish.pkl').write_bytes(pickle.dumps(content(), protocol))
    to_json(root / 'fish.pkl')
    first, second = build(root), build(root, 'fish.json')
    assert bytes(first.data_bytes) == bytes(second.data_bytes)
    assert ids(first) == ids(second)


def test_python_2_pickle(root: Path) -> None:
    """Python 2 writes counts and keys as its own kind of text: protocol 2 without unicode."""
    counts = rle(amodal(3))['counts']
    mask = b'](}(U\x04size](K\x0cK\x10eU\x06countsU' + bytes([len(counts)]) + counts + b'ue'
    fields = b''.join(
        b'U' + bytes([len(key)]) + key + mask for key in (b'FM', b'VM', b'loss_mask_weight')
    )
    (root / 'old.pkl').write_bytes(b'\x80\x02}U\x0700012_3}K\x03}(' + fields + b'uss.')
    dataset = build(root, 'old.pkl')
    assert ids(dataset) == ['00012_3']
    assert dataset.get_data_info(0)['visible_segmentations'] == [rle(amodal(3))]


def test_records_are_small(root: Path) -> None:
    """Not much more than the run-length codes themselves."""
    track = {t: frame_entry(3) for t in range(128)}
    (root / 'long.pkl').write_bytes(pickle.dumps({'1_1': track}))
    dataset = build(root, 'long.pkl')
    codes = sum(len(frame_entry(3)[key][0]['counts']) for key in ('FM', 'VM', 'loss_mask_weight'))
    assert len(dataset.data_bytes) < 128 * (codes + 4 * 3) + 300
    record = dataset.get_data_info(0)
    assert len(record['img_paths']) == 128
    assert record['frame_indices'][-1] == 127


def test_rules_on_areas_work(root: Path) -> None:
    assert ids(build(root, occlusion_range=(0.45, 1))) == ['00002_0']
    assert ids(build(root, occluded_repeat=2)) == ['00012_3'] * 2 + ['00002_0'] * 2
    assert ids(build(root, min_visible_area=60)) == ['00012_3']


def test_image_check(root: Path) -> None:
    (root / 'frames' / '00012' / '00003.png').unlink()
    with pytest.raises(OSError, match=r'1 of 7 images cannot be used(.|\n)*00012/00003\.png'):
        build(root, image_check='stop')
    assert ids(build(root, image_check='skip')) == ['00002_0']


# --- what is refused --------------------------------------------------------------------------


def entry(c: dict) -> dict:
    return c['00012_3'][4]


def set_mask(key: str, value: Any) -> Callable[[dict], None]:
    return lambda c: entry(c).update({key: value})


WRONG = [
    (lambda c: [1], TypeError, 'expected a dict, got list'),
    (lambda c: c.update({'00012': {}}), ValueError, "a key is video_fish, got '00012'"),
    (lambda c: c.update({'00012_x': {}}), ValueError, "a key is video_fish, got '00012_x'"),
    (lambda c: c.update({'00012_03': c['00012_3']}), ValueError, 'are the same track'),
    (lambda c: c.update({'5_1': [1]}), TypeError, r'track 5_1 of .*: a track is a dict, got list'),
    (lambda c: c.update({'5_1': {}}), ValueError, 'a frame or more, got none'),
    (
        lambda c: c['00012_3'].pop(5) and None,
        ValueError,
        r'track 00012_3 of .*: frames follow .* 3 of 3 to 6, the first that is missing is 5',
    ),
    (lambda c: c['00012_3'].update({10**12: entry(c)}), ValueError, 'that is missing is 7'),
    (lambda c: c['00012_3'].update({'first': entry(c)}), ValueError, "0 or more, got 'first'"),
    (lambda c: c['00012_3'].update({-1: entry(c)}), ValueError, 'a frame is a whole number'),
    (lambda c: c['00012_3'].update({4: 7}), TypeError, 'frame 4: expected a dict, got int'),
    (lambda c: entry(c).pop('VM') and None, KeyError, "frame 4: key 'VM' is missing.*'FM_bx'"),
    (lambda c: entry(c).pop('loss_mask_weight') and None, KeyError, "'loss_mask_weight' is mis"),
    (set_mask('FM', rle(amodal(4))), TypeError, 'frame 4: FM is a list of one RLE, got dict'),
    (set_mask('FM', [rle(amodal(4))] * 2), ValueError, 'FM is a list of one RLE, got'),
    (set_mask('VM', []), ValueError, r'VM is a list of one RLE, got \[\]'),
    (set_mask('VM', ['abc']), ValueError, 'VM is a list of one RLE'),
    (set_mask('VM', [{'counts': b'a'}]), ValueError, "frame 4: an RLE needs the keys 'size'"),
    (
        set_mask('FM', [rle(np.ones((16, 12), bool))]),
        ValueError,
        r'track 00012_3 of .*: frame 4: mask of size \[H, W\] = \[16, 12\]',
    ),
]  # fmt: skip


@pytest.mark.parametrize('suffix', ['pkl', 'json'])
@pytest.mark.parametrize(('change', 'error', 'words'), WRONG)
def test_wrong_content(root: Path, change: Callable, error: type, words: str, suffix: str) -> None:
    name = spoil(root, change, suffix)
    with pytest.raises(error, match=words) as caught:
        build(root, name)
    assert str(root / name) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_two_frames_of_one_number(root: Path) -> None:
    name = spoil(root, lambda c: c['00012_3'].update({'4': entry(c)}))
    with pytest.raises(ValueError, match='two frames have the same number'):
        build(root, name)


def test_masks_are_of_the_published_size_unless_told(root: Path) -> None:
    with pytest.raises(ValueError, match=r'\[12, 16\] in an image of size \[320, 480\]'):
        FishbowlDataset(str(root / 'fish.pkl'))
    with pytest.raises(ValueError, match=r'frame 3: mask of size'):
        build(root, frame_size=(12, 17))


def test_broken_masks_may_be_skipped(root: Path, notes: list[str]) -> None:
    name = spoil(root, set_mask('VM', [{'size': [12, 16], 'counts': b'?'}]))
    with pytest.raises(ValueError, match='track 00012_3'):
        build(root, name)
    assert ids(build(root, name, invalid_masks='skip')) == ['00002_0']
    assert any('unreadable mask, dropped; first: track 00012_3' in note for note in notes)


def test_a_fish_that_is_never_seen_is_dropped_and_counted(root: Path, notes: list[str]) -> None:
    def hide(c: dict) -> None:
        for t in c['00002_0']:
            c['00002_0'][t]['VM'] = [rle(np.zeros(SIZE))]

    assert ids(build(root, spoil(root, hide))) == ['00012_3']
    assert any('empty visible mask, dropped; first: track 00002_0' in note for note in notes)


def test_files_that_are_no_data(root: Path) -> None:
    class Thing:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(root / 'made'),)

    (root / 'evil.pkl').write_bytes(pickle.dumps(content() | {'00001_1': Thing()}))
    with pytest.raises(ValueError, match=r'evil\.pkl: .*mkdir'):
        build(root, 'evil.pkl')
    assert not (root / 'made').exists()
    (root / 'half.json').write_text('{"00012_3": {')
    with pytest.raises(ValueError, match=r'half\.json is not JSON'):
        build(root, 'half.json')
    (root / 'fish.txt').write_text('')
    with pytest.raises(ValueError, match=r'fish\.txt: expected a file that ends in \.pkl'):
        build(root, 'fish.txt')
    with pytest.raises(FileNotFoundError, match=r'FishbowlDataset.*nowhere\.pkl'):
        build(root, 'nowhere.pkl')


# --- configs ----------------------------------------------------------------------------------


def configured(name: str, split: str, root: Path) -> FishbowlDataset:
    config = Config.fromfile(BASE / f'{name}.py')[f'{split}_dataloader'].dataset
    config.update(
        data_root=str(root), ann_file='fish.pkl', data_prefix={'img': 'frames'}, frame_size=SIZE
    )
    return DATASETS.build(config)


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('name', ['fishbowl', 'fishbowl_official'])
def test_amodal_configs(root: Path, name: str, split: str) -> None:
    item = configured(name, split, root)[SampleDraw(0, 5)]
    frames = 16 if split == 'train' else 32
    assert item['inputs']['img'].shape == (frames, 3, 256, 256)
    sample = item['data_samples']
    assert np.flatnonzero(sample.frame_counted).tolist() == [0, 1, 2, 3]
    assert ('gt_masks' in sample) == (split == 'test')
    if split == 'test':
        assert not sample.gt_masks.evaluable[0, :, 8:12].any()


def test_published_clips_end_in_a_copy() -> None:
    for name, hold in (('fishbowl', None), ('fishbowl_official', True)):
        config = Config.fromfile(BASE / f'{name}.py')
        for split, frames in (('train', 16), ('val', 32), ('test', 32)):
            sampling = config[f'{split}_dataloader'].dataset.pipeline[0]
            assert (sampling.type, sampling.num_frames) == ('SampleClip', frames)
            assert sampling.get('hold_last') is hold


@pytest.mark.parametrize('split', ['train', 'val'])
def test_mask_config_reads_single_frames_and_no_picture(root: Path, split: str) -> None:
    for path in (root / 'frames').glob('*/*.png'):
        path.unlink()
    item = configured('fishbowl_masks', split, root)[SampleDraw(0, 3)]
    assert item['inputs']['mask'].shape == (1, 1, 256, 256)
    assert item['inputs']['mask'].any()
