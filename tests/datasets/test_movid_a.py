"""MOViD-A folders, whole and broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from PIL import Image

from c2fseg.datasets import MOViDADataset, SampleDraw
from c2fseg.registry import DATASETS

BASE = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets'
HEIGHT, WIDTH, FRAMES = 12, 16, 4
LOAD = [{'type': 'LoadFrames'}, {'type': 'LoadAmodalMasks'}]
BOX = [0.1, 0.1, 0.5, 0.5]


def amodal(obj: int, frame: int) -> np.ndarray:
    """Object 0 walks to the right in front of object 1; object 2 is out of view."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    if obj == 0:
        mask[2:8, 1 + frame : 7 + frame] = True
    if obj == 1:
        mask[4:10, 5:11] = True
    return mask


def visible_ids(frame: int) -> np.ndarray:
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[amodal(1, frame)] = 2
    ids[amodal(0, frame)] = 1
    return ids


def save_ids(path: Path, ids: np.ndarray, kind: str) -> None:
    if kind == 'palette':
        image = Image.fromarray(ids, 'P')
        image.putpalette(np.random.RandomState(0).randint(0, 256, 768).tolist())
        image.save(path)
    else:
        cv2.imwrite(str(path), ids.astype(np.uint16 if kind == '16 bits' else np.uint8))


def write_video(folder: Path, kind: str = '8 bits', **instance: Any) -> None:
    """Write a video of three objects; ``instance`` changes the entry of object 0."""
    folder.mkdir(parents=True)
    for t in range(FRAMES):
        picture = np.full((HEIGHT, WIDTH, 4), 10 * t, np.uint8)  # the grey level tells the frame
        cv2.imwrite(str(folder / f'rgba_full_{t:05d}.png'), picture)
        save_ids(folder / f'segmentation_full_{t:05d}.png', visible_ids(t), kind)
        for obj in range(3):
            ids = amodal(obj, t).astype(np.uint8) * (obj + 1)
            save_ids(folder / f'segmentation_{obj}_{t:05d}.png', ids, kind)
    first = {'bboxes': [BOX] * 2, 'bbox_frames': [0, 2]} | instance
    every = {'bboxes': [BOX] * 4, 'bbox_frames': [0, 1, 2, 3], 'category': 'cup'}
    never = {'bboxes': [], 'bbox_frames': []}
    content = {
        'metadata': {'num_frames': FRAMES, 'height': HEIGHT, 'width': WIDTH},
        'instances': [first, every, never],
    }
    (folder / 'metadata.json').write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_video(tmp_path / 'train' / 'a_7')
    write_video(tmp_path / 'train' / '12')
    (tmp_path / 'list.txt').write_text('a_7_0_1\n12_1_2\na_7_1_2\n12_0_1\n')
    return tmp_path


@pytest.fixture(scope='module')
def one_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('movid')
    write_video(root / 'train' / 'v')
    (root / 'list.txt').write_text('v_0_1\n')
    return root


def build(root: Path, **kwargs: Any) -> MOViDADataset:
    return MOViDADataset('list.txt', data_root=str(root), data_prefix={'img': 'train'}, **kwargs)


def ids(dataset: MOViDADataset) -> list[str]:
    return [dataset.get_data_info(i)['sample_id'] for i in range(len(dataset))]


def change_metadata(root: Path, change: Callable[[dict], Any], video: str = 'a_7') -> None:
    path = root / 'train' / video / 'metadata.json'
    content = json.loads(path.read_text())
    changed = change(content)
    path.write_text(json.dumps(content if changed is None else changed))


def instance(**values: Any) -> Callable[[dict], None]:
    return lambda content: content['instances'][0].update(values)


def metadata(**values: Any) -> Callable[[dict], None]:
    return lambda content: content['metadata'].update(values)


# --- records ----------------------------------------------------------------------------------


def test_record(root: Path) -> None:
    dataset = build(root)
    assert ids(dataset) == ['a_7_0', '12_1', 'a_7_1', '12_0']  # the order of the list
    assert dataset.metainfo['classes'] == ('cup', 'object')
    assert dataset.metainfo['ann_file'] == str(root / 'list.txt')
    record = dataset.get_data_info(0)
    folder = root / 'train' / 'a_7'
    assert record['img_paths'] == [str(folder / f'rgba_full_0000{t}.png') for t in range(4)]
    assert record['visible_segmentations'] == [
        {'file': str(folder / f'segmentation_full_0000{t}.png'), 'values': (1,)} for t in range(4)
    ]
    assert record['amodal_segmentations'] == [
        {'file': str(folder / f'segmentation_0_0000{t}.png'), 'values': (1,)} for t in range(4)
    ]
    assert [mask['values'] for mask in record['evaluable_segmentations']] == [(0, 1)] * 4
    assert (record['height'], record['width']) == (HEIGHT, WIDTH)
    assert (record['image_id'], record['annotation_id']) == ('a_7', 0)
    assert (record['category'], record['category_id']) == ('object', 1)
    assert record['frame_valid'].tolist() == [True] * 4
    assert record['frame_counted'].tolist() == [True, False, True, False]
    assert record['frame_indices'].tolist() == [0, 1, 2, 3]
    assert np.isnan(record['occlusion_rate'])
    cup = dataset.get_data_info(1)
    assert (cup['category'], cup['category_id']) == ('cup', 0)
    assert cup['evaluable_segmentations'][3]['values'] == (0, 2)


@given(frames=st.sets(st.integers(0, FRAMES - 1), min_size=1))
@settings(max_examples=20, deadline=None)
def test_frames_with_a_box_count(one_video: Path, frames: set[int]) -> None:
    values = {'bboxes': [BOX] * len(frames), 'bbox_frames': list(frames)}
    change_metadata(one_video, instance(**values), 'v')
    counted = build(one_video).get_data_info(0)['frame_counted']
    assert set(np.flatnonzero(counted)) == frames


@pytest.mark.parametrize('kind', ['8 bits', '16 bits', 'palette'])
def test_masks_and_frames_that_are_loaded(tmp_path: Path, kind: str) -> None:
    write_video(tmp_path / 'train' / 'v', kind)
    (tmp_path / 'list.txt').write_text('v_1_2\n')
    results = build(tmp_path, pipeline=LOAD)[0]
    assert [int(frame[0, 0, 0]) for frame in results['img']] == [0, 10, 20, 30]
    for t in range(FRAMES):
        assert np.array_equal(results['gt_amodal_mask'][t], amodal(1, t))
        assert np.array_equal(results['gt_visible_mask'][t], amodal(1, t) & ~amodal(0, t))
        assert np.array_equal(results['evaluable_mask'][t], ~amodal(0, t))
    # Of the 36 pixels of each frame, rows 4 to 7 of 2, 3, 4 and 5 columns are hidden.
    assert results['occlusion_rate'] == pytest.approx(4 * (2 + 3 + 4 + 5) / (4 * 36))


def test_records_are_small(tmp_path: Path) -> None:
    """24 frames of 20 objects take less than 200 bytes an object."""
    folder = tmp_path / 'train' / 'v'
    folder.mkdir(parents=True)
    for t in range(24):
        for name in ('rgba_full', 'segmentation_full', *(f'segmentation_{o}' for o in range(20))):
            (folder / f'{name}_{t:05d}.png').touch()
    instance = {'bboxes': [BOX] * 24, 'bbox_frames': list(range(24))}
    metadata = {'num_frames': 24, 'height': 256, 'width': 256}
    (folder / 'metadata.json').write_text(
        json.dumps({'metadata': metadata, 'instances': [instance] * 20})
    )
    (tmp_path / 'list.txt').write_text(''.join(f'v_{o}_{o + 1}\n' for o in range(20)))
    dataset = build(tmp_path)
    assert len(dataset) == 20
    assert len(dataset.data_bytes) / 20 < 200
    record = dataset.get_data_info(19)
    assert len(record['img_paths']) == 24
    assert record['amodal_segmentations'][7]['values'] == (20,)


@pytest.mark.parametrize('serialize', [True, False])
def test_a_record_may_be_changed(root: Path, serialize: bool) -> None:
    dataset = build(root, serialize_data=serialize)
    record = dataset.get_data_info(0)
    record['img_paths'].clear()
    record['frame_counted'][:] = False
    assert len(dataset.get_data_info(0)['img_paths']) == 4
    assert dataset.get_data_info(0)['frame_counted'].any()


def test_num_frames_takes_the_start(root: Path) -> None:
    change_metadata(root, lambda c: c['instances'][1].update(bbox_frames=[3], bboxes=[BOX]))
    dataset = build(root, num_frames=3)
    assert ids(dataset) == ['a_7_0', '12_1', '12_0']  # a_7_1 is seen in frame 3 only
    assert [len(dataset.get_data_info(i)['img_paths']) for i in range(3)] == [3, 3, 3]
    assert dataset.get_data_info(0)['frame_counted'].tolist() == [True, False, True]
    assert len(build(root, num_frames=99).get_data_info(0)['img_paths']) == 4


def test_many_videos_keep_their_order_and_their_first_error(tmp_path: Path) -> None:
    for number in range(12):
        write_video(tmp_path / 'train' / str(number))
    lines = [f'{number}_{obj}_{obj + 1}' for obj in (1, 0) for number in range(12)]
    (tmp_path / 'list.txt').write_text('\n'.join(lines))
    assert ids(build(tmp_path)) == [line.rsplit('_', 1)[0] for line in lines]
    for number in (9, 5):
        (tmp_path / 'train' / str(number) / 'metadata.json').write_text('{')
    for _ in range(3):
        with pytest.raises(ValueError, match=r'train/5/metadata\.json is not JSON'):
            build(tmp_path)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('a_7', r"line 2 of .*list\.txt: expected video_obj_value .* got 'a_7'"),
        ('a_7_0', 'a value of 1 to 65535'),  # video a, object 7, value 0
        ('b_7_0_1', r'train/b_7/metadata\.json not found, line 2 of'),
        ('a_7_0_x', 'expected video_obj_value'),
        ('a_7_-1_2', 'expected video_obj_value'),
        ('_1_2', 'expected video_obj_value'),
        ('a_7_0_0', 'a value of 1 to 65535'),
        ('a_7_0_65536', 'a value of 1 to 65535'),
        ('12_1_2', r"object 1 of video '12' is listed before, in line 1"),
        ('12_1_3', 'is listed before'),
        ('12_3_4', r'line 2 of .*: object 3 is listed, .*metadata\.json has 3 instances'),
    ],
)
def test_wrong_line(root: Path, line: str, words: str) -> None:
    (root / 'list.txt').write_text(f'12_1_2\n{line}\n')
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        build(root)


def test_blank_lines_are_passed_over(root: Path) -> None:
    (root / 'list.txt').write_text('\n12_1_2\r\n\n  a_7_0_1  \n\n')
    assert ids(build(root)) == ['12_1', 'a_7_0']


@pytest.mark.parametrize(
    ('change', 'error', 'words'),
    [
        (lambda c: [1], TypeError, 'expected a dict, got list'),
        (lambda c: c.pop('metadata') and None, KeyError, "'metadata' is missing"),
        (lambda c: c.pop('instances') and None, KeyError, "'instances' is missing"),
        (lambda c: c['metadata'].pop('height') and None, KeyError, "metadata: key 'height'"),
        (lambda c: c.update(instances={}), TypeError, 'instances is a list, got dict'),
        (lambda c: c.update(metadata=3), TypeError, 'metadata: expected a dict, got int'),
        (metadata(num_frames=0), ValueError, 'num_frames is a whole number of 1 or more, got 0'),
        (metadata(width=16.0), ValueError, 'width is a whole number of 1 or more, got 16.0'),
        (metadata(height=True), ValueError, 'height is a whole number of 1 or more, got True'),
        (lambda c: c['instances'][0].pop('bboxes') and None, KeyError, "instance 0: key 'bboxes'"),
        (lambda c: c['instances'].__setitem__(0, 5), TypeError, 'instance 0: expected a dict'),
        (instance(bboxes=[BOX]), ValueError, 'are of one length, got 1 and 2'),
        (instance(bboxes=None), TypeError, 'bboxes is a list, got NoneType'),
        (instance(bboxes=[BOX, BOX[:3]]), ValueError, 'a box is .*row_min'),
        (instance(bboxes=[BOX, [0.5, 0, 0.4, 1]]), ValueError, 'sides of 0 or more'),
        (instance(bboxes=[BOX, 'wide']), ValueError, 'got wide'),
        (instance(bbox_frames=[0, 4]), ValueError, 'numbers of 0 to 3, got 4'),
        (instance(bbox_frames=[0, -1]), ValueError, 'numbers of 0 to 3, got -1'),
        (instance(bbox_frames=[0, 1.5]), ValueError, 'numbers of 0 to 3, got 1.5'),
        (instance(bbox_frames=[2, 2]), ValueError, 'name a frame twice'),
        (instance(category=['a']), TypeError, 'category is a name'),
    ],
)
def test_wrong_metadata(root: Path, change: Callable, error: type, words: str) -> None:
    change_metadata(root, change)
    with pytest.raises(error, match=words) as caught:
        build(root)
    assert str(root / 'train' / 'a_7' / 'metadata.json') in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'num_frames': 0}, 'num_frames is at least 1'),
        ({'broken_frames': 'maybe'}, "broken_frames is 'stop' or 'skip'"),
    ],
)
def test_wrong_arguments(root: Path, arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(root, **arguments)


def test_missing_list(root: Path) -> None:
    (root / 'list.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'MOViDADataset.*list\.txt'):
        build(root)


# --- missing and broken files -----------------------------------------------------------------


@pytest.mark.parametrize(
    'name',
    [
        'metadata.json',
        'rgba_full_00002.png',
        'segmentation_full_00000.png',
        'segmentation_1_00003.png',
    ],
)
def test_missing_files(root: Path, notes: list[str], name: str) -> None:
    path = root / 'train' / 'a_7' / name
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f'MOViDADataset: {path} not found'):
        build(root)
    assert ids(build(root, broken_frames='skip')) == ['12_1', '12_0']
    [note] = [note for note in notes if 'cannot be used' in note]
    assert '1 of 2 videos cannot be used, 2 objects dropped' in note
    assert str(path) in note


def test_missing_frames_beyond_num_frames_and_of_other_objects_do_not_matter(root: Path) -> None:
    for name in ('rgba_full_00003.png', 'segmentation_2_00000.png'):
        (root / 'train' / 'a_7' / name).unlink()
    assert len(build(root, num_frames=3)) == 4


def test_nothing_left(root: Path) -> None:
    for video in ('a_7', '12'):
        (root / 'train' / video / 'rgba_full_00001.png').unlink()
    with pytest.raises(ValueError, match='no object is left'):
        build(root, broken_frames='skip')


def test_objects_that_are_never_visible_are_dropped_and_counted(
    root: Path, notes: list[str]
) -> None:
    (root / 'list.txt').write_text('a_7_2_3\n12_2_3\n12_1_2\n')
    assert ids(build(root)) == ['12_1']
    assert any('2 objects: never visible' in n and 'object 2 of video a_7' in n for n in notes)
    with pytest.raises(ValueError, match=r'object 2 of video a_7, line 1 .*never visible'):
        build(root, strict=True)


@pytest.mark.parametrize('name', ['rgba_full_00001.png', 'segmentation_0_00001.png'])
def test_image_check_reads_frames_and_masks(root: Path, notes: list[str], name: str) -> None:
    path = root / 'train' / 'a_7' / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(OSError, match=r'1 of \d+ images cannot be used') as caught:
        build(root, image_check='stop')
    assert str(path) in str(caught.value)
    left = ids(build(root, image_check='skip'))
    # The mask of object 0 is no business of object 1.
    assert left == (['12_1', '12_0'] if 'rgba' in name else ['12_1', 'a_7_1', '12_0'])
    assert any(f'{4 - len(left)} objects dropped' in note for note in notes)


def test_another_size_than_the_metadata_say(root: Path) -> None:
    change_metadata(root, metadata(width=WIDTH + 1))
    with pytest.raises(ValueError, match=r'rgba_full_00000.* of size .*\(12, 16\).*\(12, 17\)'):
        build(root, pipeline=LOAD)[0]
    with pytest.raises(OSError, match='images cannot be used'):
        build(root, image_check='stop')
    with pytest.raises(ValueError, match=r'segmentation_full_00000.png is of size'):
        build(root, read_masks=True)


# --- areas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'arguments',
    [
        {'occlusion_range': (0.1, 0.9)},
        {'occluded_repeat': 2},
        {'max_visible_outside': 0.1},
        {'min_visible_area': 5},
    ],
)
def test_areas_are_unknown_until_the_masks_are_read(root: Path, arguments: dict) -> None:
    [name] = arguments
    with pytest.raises(ValueError, match=rf'{name}.*read all masks first \(read_masks=True\)'):
        build(root, lazy_init=True, **arguments)
    assert len(build(root, read_masks=True, **arguments)) >= 2


def test_areas_by_hand(root: Path, notes: list[str]) -> None:
    dataset = build(root, read_masks=True, occluded_repeat=2)
    # Object 0 is in front; of object 1 are 56 of 144 pixels hidden (see above).
    assert ids(dataset) == ['a_7_0', '12_1', '12_1', 'a_7_1', 'a_7_1', '12_0']
    rates = [dataset.get_data_info(i)['occlusion_rate'] for i in range(6)]
    assert rates == pytest.approx([0, 56 / 144, 56 / 144, 56 / 144, 56 / 144, 0])
    assert any('hidden: < 5 % 50.0%' in note for note in notes)
    assert ids(build(root, read_masks=True, occlusion_range=(0.3, 0.5))) == ['12_1', 'a_7_1']
    # Every frame of object 1 shows 20 pixels or more, 88 in all.
    assert len(build(root, read_masks=True, min_visible_area=89)) == 2


def test_a_value_that_no_mask_contains_is_dropped_and_counted(root: Path, notes: list[str]) -> None:
    (root / 'list.txt').write_text('a_7_0_9\n12_1_2\n')
    assert len(build(root)) == 2  # nobody has looked
    assert ids(build(root, read_masks=True)) == ['12_1']
    assert any('1 objects: empty amodal mask, dropped' in note for note in notes)
    with pytest.raises(ValueError, match=r'object 0 of video a_7.*empty amodal mask'):
        build(root, read_masks=True, strict=True)


def test_damaged_masks_met_while_counting(root: Path) -> None:
    path = root / 'train' / '12' / 'segmentation_0_00001.png'
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(OSError, match=r'segmentation_0_00001\.png cannot be read'):
        build(root, read_masks=True)
    assert ids(build(root, read_masks=True, broken_frames='skip')) == ['a_7_0', 'a_7_1']


# --- configs ----------------------------------------------------------------------------------


def configured(name: str, split: str, root: Path) -> MOViDADataset:
    config = Config.fromfile(BASE / f'{name}.py')[f'{split}_dataloader'].dataset
    config.update(data_root=str(root), ann_file='list.txt', data_prefix={'img': 'train'})
    return DATASETS.build(config)


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
@pytest.mark.parametrize(
    ('name', 'size', 'frames'),
    [
        ('movid_a', 256, {'train': 24, 'test': 24}),
        ('movid_a_official', 256, {'train': 24, 'test': 24}),
        ('shapes_video', 128, {'train': 12, 'test': FRAMES}),
    ],
)
def test_amodal_configs(root: Path, name: str, size: int, frames: dict, split: str) -> None:
    dataset = configured(name, split, root)
    item = dataset[SampleDraw(0, 5)]
    length = frames['train' if split == 'train' else 'test']
    assert item['inputs']['img'].shape == (length, 3, size, size)
    sample = item['data_samples']
    assert sum(sample.frame_valid) == min(FRAMES, length)
    assert ('gt_masks' in sample) == (split != 'train')
    assert dataset.test_mode == (split != 'train')
    scale = Config.fromfile(BASE / f'{name}.py').track_scale
    assert scale == ('corner' if 'official' in name else 'centre')
    sizes = {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in np.asarray(sample.crop_boxes).tolist()}
    assert len(sizes) == 1


@pytest.mark.parametrize('split', ['train', 'val'])
def test_mask_config_reads_single_frames_and_no_picture(root: Path, split: str) -> None:
    for path in (root / 'train').glob('*/rgba_full_*.png'):
        path.write_bytes(b'')
    change_metadata(root, instance(bbox_frames=[3], bboxes=[BOX]))
    dataset = configured('movid_a_masks', split, root)
    for seed in range(4):
        item = dataset[SampleDraw(0, seed)]
        assert item['inputs']['mask'].shape == (1, 1, 256, 256)
        assert item['inputs']['mask'].any()
        assert item['data_samples'].frame_indices.tolist() == [3]  # the only one that counts
