"""Visible masks of videos: id maps, files, arrays, dicts, pairing by name, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from c2fseg.apis.video_io import open_video
from c2fseg.apis.video_mask_forms import open_masks
from c2fseg.apis.video_masks import split_id_map
from c2fseg.structures import encode_mask

from .videos import HEIGHT, WIDTH, make_clip, write_frames

SIZE = (HEIGHT, WIDTH)
COUNT = 5


def raise_it(error: Exception, object_id: object) -> None:
    raise error


def read(masks, count: int = COUNT, size=SIZE) -> list[dict]:
    """The masks of all frames as arrays."""
    frames = [masks.at(t, size, f'frame {t}', raise_it) for t in range(count)]
    return [{key: coco_mask.decode(rle) for key, rle in frame.items()} for frame in frames]


def check(masks, ids: np.ndarray, names: dict | None = None) -> None:
    """Compare with id maps; ``names`` gives the objects other ids."""
    found = read(masks, len(ids))
    for t, frame in enumerate(found):
        expected = {int(v): ids[t] == v for v in np.unique(ids[t]) if v}
        expected = {(names or {}).get(key, key): mask for key, mask in expected.items()}
        assert sorted(map(str, frame)) == sorted(map(str, expected))
        for key, mask in frame.items():
            assert (mask == expected[key]).all()


@pytest.fixture
def clip() -> tuple[np.ndarray, np.ndarray]:
    return make_clip(COUNT, hide=(2,))


def test_forms_in_memory(clip):
    frames, ids = clip
    tracks = {1: ids == 1, 2: ids == 2}
    lists = {number: [encode_mask(mask) for mask in masks] for number, masks in tracks.items()}
    sparse = {1: lists[1], 2: {t: lists[2][t] for t in (0, 1, 3, 4)}}
    forms = [
        ids,
        ids.astype(np.int64),
        torch.from_numpy(ids.astype(np.int32)),
        list(ids),
        (one for one in ids),
        [{1: one == 1, 2: one == 2} for one in ids],
        tracks,
        {np.int64(1): tracks[1], np.int32(2): tracks[2].astype(np.uint8) * 255},
        {1: torch.from_numpy(tracks[1]), 2: list(tracks[2])},
        lists,
        {1: lists[1], 2: [None if t == 2 else rle for t, rle in enumerate(lists[2])]},
        sparse,
    ]
    for form in forms:
        check(open_masks(form, open_video(frames)), ids)
    check(open_masks({'a': tracks[1], 'b': tracks[2]}, open_video(frames)), ids, {1: 'a', 2: 'b'})
    check(open_masks(ids == 2, open_video(frames)), (ids == 2).astype(np.uint8))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_id_maps_are_split_without_loss(data):
    kind = data.draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.int64]))
    top = 250 if kind == np.uint8 else 60000
    values = data.draw(st.lists(st.integers(0, top), min_size=12, max_size=12))
    id_map = np.array(values, kind).reshape(3, 4)
    found = split_id_map(id_map, (3, 4))
    assert list(found) == sorted({value for value in values if value})
    rebuilt = sum(value * coco_mask.decode(rle).astype(np.int64) for value, rle in found.items())
    assert (rebuilt == id_map).all()


def save_maps(folder: Path, ids: np.ndarray, kind: str) -> None:
    if kind == 'palette':
        folder.mkdir()
        for t, one in enumerate(ids):
            image = Image.fromarray(one)
            image.putpalette([7, 7, 7] * 256)  # the colours tell nothing
            image.save(folder / f'{t:05d}.png')
        return
    write_frames(folder, ids * 200 if kind == 'uint16' else ids)


@pytest.mark.parametrize('kind', ['uint8', 'uint16', 'palette'])
def test_folders_of_id_maps(tmp_path, clip, kind):
    frames, ids = clip
    ids = ids.astype(np.uint16 if kind == 'uint16' else np.uint8)
    save_maps(tmp_path / 'masks', ids, kind)
    names = {200: 200, 400: 400}
    expected = ids * 200 if kind == 'uint16' else ids
    check(open_masks(tmp_path / 'masks', open_video(frames)), expected, names)


@pytest.mark.parametrize(
    ('frame_names', 'mask_names'),
    [
        ('{:05d}.png', '{:05d}.png'),
        ('frame_{}.png', 'mask{:03d}.png'),
        ('rgba_full_{:05d}.png', 'segmentation_full_{:05d}.png'),
    ],
)
def test_files_belong_together_by_name_or_number(tmp_path, clip, frame_names, mask_names):
    frames, ids = clip
    write_frames(tmp_path / 'frames', frames, frame_names)
    write_frames(tmp_path / 'masks', ids, mask_names)
    extra = tmp_path / 'masks' / mask_names.format(COUNT)
    cv2.imwrite(str(extra), ids[0])
    check(open_masks(tmp_path / 'masks', open_video(tmp_path / 'frames')), ids)


def test_files_in_the_same_order(tmp_path, clip):
    frames, ids = clip
    write_frames(tmp_path / 'frames', frames)
    for t, one in enumerate(ids):
        write_frames(tmp_path / 'from_one', one[None], f'{t + 1:05d}.png')
        write_frames(tmp_path / 'letters', one[None], f'{"abcde"[t]}.png')
    for name in ('from_one', 'letters'):
        check(open_masks(tmp_path / name, open_video(tmp_path / 'frames')), ids)


def test_a_movi_folder_holds_both(tmp_path, clip):
    frames, ids = clip
    write_frames(tmp_path, frames, 'rgba_full_{:05d}.png')
    write_frames(tmp_path, ids, 'segmentation_full_{:05d}.png')
    write_frames(tmp_path, 0 * ids + 9, 'segmentation_0_{:05d}.png')
    check(open_masks(tmp_path, open_video(tmp_path)), ids)


def test_missing_mask_file_is_named(tmp_path, clip):
    frames, ids = clip
    write_frames(tmp_path / 'frames', frames)
    paths = write_frames(tmp_path / 'masks', ids)
    paths[3].unlink()
    video = open_video(tmp_path / 'frames')
    with pytest.raises(FileNotFoundError, match=r'no mask for frame 3 \(00003\.png\).*1 of 5'):
        open_masks(tmp_path / 'masks', video)
    masks = open_masks(tmp_path / 'masks', video, on_error='skip')
    errors = []
    found = [masks.at(t, SIZE, f'frame {t}', lambda *a: errors.append(a)) for t in range(COUNT)]
    assert [len(frame) for frame in found] == [2, 2, 1, 0, 2]
    ((error, object_id),) = errors
    assert object_id is None
    assert 'frame 3' in str(error)


def entries(ids: np.ndarray, **keys) -> list[dict]:
    """One entry an object and frame, in the form of a prediction file."""
    whole = encode_mask(np.ones(SIZE, bool))
    return [
        {'image_id': 'clip', 'annotation_id': v, 'frame': t, 'category_id': 10 + v}
        | {'segmentation': whole, 'visible_segmentation': encode_mask(one == v)}
        | keys
        for t, one in enumerate(ids)
        for v in (1, 2)
        if (one == v).any()
    ]


def youtube_vis(ids: np.ndarray, **video) -> dict:
    """A file in the style of YouTube-VIS, null where an object is absent."""
    annotations = [
        {
            'id': v,
            'video_id': 3,
            'category_id': 10 + v,
            'segmentations': [encode_mask(m == v) if (m == v).any() else None for m in ids],
        }
        for v in (1, 2)
    ]
    return {
        'videos': [{'id': 3, 'file_names': ['clip/0.png'], **video}],
        'categories': [{'id': 11, 'name': 'cup'}],
        'annotations': annotations,
    }


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_json_files(tmp_path, clip):
    frames, ids = clip
    plain = [
        {
            'frame': e['frame'],
            'track_id': e['annotation_id'],
            'segmentation': e['visible_segmentation'],
        }
        for e in entries(ids)
    ]
    by_image = [
        {'image_id': e['frame'], 'track_id': e['track_id'], 'segmentation': e['segmentation']}
        for e in plain
    ]
    for content in (entries(ids), plain, by_image, youtube_vis(ids)):
        masks = open_masks(write_json(tmp_path / 'm.json', content), open_video(frames))
        check(masks, ids)
    assert masks.info == {
        1: {'category_id': 11, 'category': 'cup'},
        2: {'category_id': 12},
    }


def test_one_video_of_several_in_a_file(tmp_path, clip):
    frames, ids = clip
    content = entries(ids) + entries(ids[::-1], image_id=7)
    path = write_json(tmp_path / 'm.json', content)
    write_frames(tmp_path / 'clip', frames)
    write_frames(tmp_path / '000007', frames)
    write_frames(tmp_path / 'other', frames)
    check(open_masks(path, open_video(tmp_path / 'clip')), ids)
    check(open_masks(path, open_video(tmp_path / '000007')), ids[::-1])
    with pytest.raises(KeyError, match='holds 2 videos'):
        open_masks(path, open_video(tmp_path / 'other'))
    content = youtube_vis(ids)
    content['videos'].append({'id': 4, 'name': 'other'})
    content['annotations'].append(
        {'id': 9, 'video_id': 4, 'segmentations': [encode_mask(m == 1) for m in ids]}
    )
    path = write_json(tmp_path / 'y.json', content)
    check(open_masks(path, open_video(tmp_path / 'clip')), ids)
    check(open_masks(path, open_video(tmp_path / 'other')), np.uint8(9) * (ids == 1))


@pytest.mark.parametrize(
    ('content', 'error', 'words'),
    [
        ('{', ValueError, 'is not JSON'),
        ('3', TypeError, 'expected a list of entries'),
        ('{"images": []}', TypeError, 'keys images'),
        ('[3]', TypeError, 'entry 0: expected a dict'),
        ('[{"frame": 0}]', KeyError, 'none of track_id'),
        ('[{"frame": 0, "track_id": 1}]', KeyError, 'entry 0: none of visible_segmentation'),
        ('[{"frame": -1, "track_id": 1, "segmentation": []}]', ValueError, 'got -1'),
        ('[{"frame": 1.5, "track_id": 1, "segmentation": []}]', ValueError, r'got 1\.5'),
        ('[{"frame": 9, "track_id": 1, "segmentation": []}]', ValueError, 'for 1 frames after'),
        ('[{"frame": 0, "track_id": 1, "segmentation": null}]', ValueError, 'is null'),
        ('[{"frame": 0, "id": 1, "segmentation": []},'
         '{"frame": 0, "id": 1, "segmentation": []}]', ValueError, 'a second mask of object 1'),
        ('{"videos": [{}], "annotations": []}', KeyError, 'video 0: none of id'),
        ('{"videos": [{"id": 1}], "annotations": [{}]}', KeyError, 'none of video_id'),
        ('{"videos": [{"id": 1}], "annotations": [{"id": 5, "video_id": 1, "segmentations": 3}]}',
         TypeError, 'annotation 5: segmentations is a list'),
        ('{"videos": [{"id": 1}], "annotations": [{"id": 5, "video_id": 1, "segmentations": [3]}]}',
         ValueError, 'end after 1 frames'),
    ],
)  # fmt: skip
def test_bad_files(tmp_path, clip, content, error, words):
    path = tmp_path / 'm.json'
    path.write_text(content)
    with pytest.raises(error, match=words) as caught:
        open_masks(path, open_video(clip[0]))
    if 'frames' not in words:
        assert 'm.json' in str(caught.value)


def test_absent_files(tmp_path, clip):
    with pytest.raises(FileNotFoundError, match='No mask file or folder'):
        open_masks(tmp_path / 'absent.json', open_video(clip[0]))
    with pytest.raises(FileNotFoundError, match='No PNG in the mask folder'):
        open_masks(tmp_path, open_video(clip[0]))


@pytest.mark.parametrize(
    ('change', 'error', 'words'),
    [
        (lambda ids: ids[0], ValueError, r'expected id maps \(T, H, W\)'),
        (lambda ids: 3, TypeError, 'visible_masks: expected a folder'),
        (lambda ids: ids[:4], ValueError, 'end after 4 frames, video has 5'),
        (lambda ids: np.concatenate([ids, ids]), ValueError, 'go on for 5 frames'),
        (lambda ids: {1: ids[0]}, TypeError, 'object 1: expected masks'),
        (lambda ids: {1: encode_mask(ids[0])}, TypeError, 'object 1: expected masks'),
        (lambda ids: {1: ids, 2: ids[:3]}, ValueError, 'different numbers of frames'),
        (lambda ids: {1: {9: ids[0]}}, ValueError, 'go on for 1 frames'),
    ],
)
def test_bad_forms(clip, change, error, words):
    with pytest.raises(error, match=words):
        open_masks(change(clip[1]), open_video(clip[0]))


@pytest.mark.parametrize(
    ('bad', 'error', 'words'),
    [
        (np.zeros((5, 6), np.uint8), ValueError, r'frame 1: its id map has shape \(5, 6\)'),
        (np.zeros(SIZE), TypeError, 'frame 1: an id map holds whole numbers'),
        (np.full(SIZE, -1), ValueError, 'frame 1: object ids must not be negative'),
        ('x', TypeError, 'frame 1: masks are a folder'),
        ({4: np.zeros((5, 6), bool)}, ValueError, 'frame 1, object 4: its visible mask'),
        ({4: np.arange(HEIGHT * WIDTH).reshape(SIZE)}, ValueError, 'frame 1, object 4.*label map'),
        ({'a': {'size': [2, 2], 'counts': 'x'}}, ValueError, 'frame 1, object a'),
        ({'a': 'x'}, TypeError, 'frame 1, object a'),
    ],
)
def test_bad_mask_of_a_frame(clip, bad, error, words):
    frames, ids = clip
    given = [ids[0], bad, *ids[2:]]
    with pytest.raises(error, match=words):
        read(open_masks(given, open_video(frames)))
    errors = []
    masks = open_masks(given, open_video(frames))
    found = [masks.at(t, SIZE, f'frame {t}', lambda *a: errors.append(a)) for t in range(COUNT)]
    assert len(errors) == 1
    assert found[1] == {}
    assert [len(frame) for frame in found] == [2, 0, 1, 2, 2]


def test_masks_that_end_early_while_they_are_made(clip):
    masks = open_masks((one for one in clip[1][:3]), open_video(iter(clip[0])))
    with pytest.raises(ValueError, match='frame 3: the masks end after 3 frames'):
        read(masks)


@pytest.mark.parametrize('kind', ['colour', 'cut', 'text'])
def test_bad_mask_files(tmp_path, clip, kind):
    frames, ids = clip
    paths = write_frames(tmp_path, ids)
    if kind == 'colour':
        cv2.imwrite(str(paths[1]), frames[1])
    else:
        paths[1].write_bytes(paths[1].read_bytes()[:50] if kind == 'cut' else b'no picture')
    error = ValueError if kind == 'colour' else OSError
    with pytest.raises(error, match=r'frame 1: .*00001\.png'):
        read(open_masks(tmp_path, open_video(frames)))
