"""Videos whose masks are found, carried on from some frames, or shown by prompts; webcams."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.video_io import open_video
from c2fseg.mask_sources import BaseMaskSource, VisibleObject
from c2fseg.structures import encode_mask

from .videos import write_avi, write_frames

HEIGHT, WIDTH = 48, 80


def moving_clip(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two bright textured squares on a dark texture: 1 goes right, 2 left; their id maps."""
    rng = np.random.default_rng(0)
    back = cv2.GaussianBlur(rng.integers(0, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8), (5, 5), 0)
    front = cv2.GaussianBlur(rng.integers(130, 255, (2, 16, 16, 3), dtype=np.uint8)[0], (3, 3), 0)
    frames = np.repeat(back[None], count, 0)
    ids = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    for t in range(count):
        for number, (x, y) in enumerate(((4 + 2 * t, 4), (60 - 2 * t, 26)), start=1):
            frames[t, y : y + 16, x : x + 16] = front[::-1] if number == 2 else front
            ids[t, y : y + 16, x : x + 16] = number
    return frames, ids


def iou(first, second) -> float:
    return (first & second).sum() / (first | second).sum()


class BrightSource(BaseMaskSource):
    """Finds what is brighter than the background; with misses in the frames that it counts."""

    def __init__(self, batch_size=1, miss=()):
        self.batch_size, self.miss, self.seen, self.calls = batch_size, miss, 0, []

    def find(self, pictures):
        self.calls.append(len(pictures))
        found = []
        for picture in pictures:
            bright = (picture.image.mean(2) > 125).astype(np.uint8)
            bright = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
            count, labels, stats, _ = cv2.connectedComponentsWithStats(bright)
            big = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] > 60]
            one = [
                VisibleObject(encode_mask(labels == n), 0.5, {'category': 'square'}) for n in big
            ]
            found.append([] if self.seen in self.miss else one)
            self.seen += 1
        return found


class BoxSource(BaseMaskSource):
    """The box itself is the mask."""

    prompts = ('boxes', 'points')

    def find(self, pictures):
        found = []
        for picture in pictures:
            masks = []
            for x1, y1, x2, y2 in picture.boxes.astype(int):
                mask = np.zeros(picture.image.shape[:2], bool)
                mask[y1:y2, x1:x2] = True
                masks.append(VisibleObject(encode_mask(mask), 0.9))
            found.append(masks)
        return found


def copier(source=None) -> AmodalInferencer:
    """Its amodal mask is the visible one."""
    return AmodalInferencer('trivial_visible_shapes', device='cpu', mask_source=source)


def test_objects_are_found_and_linked_in_any_batches_and_windows():
    frames, ids = moving_clip(12)
    results = []
    for batch, window, given in ((1, 24, frames), (5, 4, iter(frames)), (50, 3, list(frames))):
        source = BrightSource(batch, miss=(4, 5))
        result = copier(source).complete_video(given, window=window, overlap=1, progress=False)
        assert result['num_frames'] == 12
        assert max(source.calls) == min(batch, 12)
        results.append([item['visible_rles'] for item in result['objects']])
        assert [item['object_id'] for item in result['objects']] == [1, 2]
        assert {item['category'] for item in result['objects']} == {'square'}
        assert all(item['visible_score'] == pytest.approx(0.5) for item in result['objects'])
    assert results[0] == results[1] == results[2]
    for item in copier(BrightSource(3)).complete_video(frames)['objects']:
        for t in range(12):
            assert iou(item['visible_masks'][t], ids[t] == item['object_id']) > 0.8


def test_linker_is_an_option():
    frames, _ = moving_clip(6)
    inferencer = copier(BrightSource(miss=(2, 3)))
    inferencer.mask_source.seen = 0
    result = inferencer.complete_video(frames, linker={'max_gap': 1})
    assert [item['object_id'] for item in result['objects']] == [1, 2, 3, 4]


@pytest.mark.parametrize('form', ['id map', 'dict', 'png', 'folder', 'json'])
def test_mask_of_one_frame_is_carried_on(tmp_path, form):
    frames, ids = moving_clip(8)
    if form == 'png':
        given = write_frames(tmp_path / 'masks', ids[:1])[0]
    elif form == 'folder':
        write_frames(tmp_path / 'video', frames)
        given = write_frames(tmp_path / 'masks', ids[:1])[0].parent
    elif form == 'json':
        given = tmp_path / 'masks.json'
        mask = encode_mask(ids[0] == 1)['counts']
        given.write_text(
            f'[{{"frame": 0, "track_id": 1, "category": "cup", "segmentation": '
            f'{{"size": [{HEIGHT}, {WIDTH}], "counts": "{mask}"}}}}]'.replace('\\', '\\\\')
        )
    else:
        given = ids[0] if form == 'id map' else {0: {1: ids[0] == 1, 2: ids[0] == 2}}
    video = tmp_path / 'video' if form == 'folder' else frames
    result = copier().complete_video(video, given, propagate=True, progress=False)
    assert [item['object_id'] for item in result['objects']] == [1] if form == 'json' else [1, 2]
    for item in result['objects']:
        assert item['given_frames'] == [0]
        for t in range(8):
            assert iou(item['visible_masks'][t], ids[t] == item['object_id']) > 0.8


def test_masks_go_back_where_the_video_can_be_read_again(tmp_path):
    frames, ids = moving_clip(10)
    given = {6: ids[6], 9: {2: ids[9] == 2}}
    for video in (frames, write_avi(tmp_path / 'a.avi', frames)):
        result = copier().complete_video(video, given, propagate=True, progress=False)
        first, second = result['objects']
        assert (first['given_frames'], second['given_frames']) == ([6], [6, 9])
        assert (second['visible_masks'][9] == (ids[9] == 2)).all()
        assert (first['visible_masks'][6] == (ids[6] == 1)).all()
        assert iou(first['visible_masks'][3], ids[3] == 1) > 0.8
        assert not result['notes']
    result = copier().complete_video(iter(frames), given, propagate=True, progress=False)
    assert 'read once' in result['notes'][0]
    assert not result['objects'][0]['visible_masks'][:6].any()
    assert result['objects'][0]['visible_masks'][7].any()


def test_a_source_corrects_what_is_carried_on():
    frames, ids = moving_clip(6)
    rough = {0: cv2.dilate(ids[0], np.ones((3, 3), np.uint8))}
    item = copier(BrightSource()).complete_video(frames, rough, propagate=True)['objects'][0]
    found = [one.mask for one in BrightSource().find([type('P', (), {'image': frames[3]})])[0]]
    assert item['visible_rles'][3] in found


def test_prompts_are_carried_on():
    frames, ids = moving_clip(6)
    result = copier(BoxSource()).complete_video(frames, boxes=[[4, 4, 20, 20], [60, 26, 76, 42]])
    for item in result['objects']:
        assert iou(item['visible_masks'][5], ids[5] == item['object_id']) > 0.75
        assert item['visible_score'] == pytest.approx(0.9)
    later = copier(BoxSource()).complete_video(frames, boxes={3: [[10, 4, 26, 20]]})
    assert later['objects'][0]['given_frames'] == [3]
    assert iou(later['objects'][0]['visible_masks'][0], ids[0] == 1) > 0.7


class FakeCapture:
    """A camera whose frames are the numbers of their reading."""

    def __init__(self, number, frames=10**6):
        assert number == 2
        self.count, self.frames, self.open = 0, frames, True

    def isOpened(self):
        return True

    def get(self, _):
        return 30.0

    def read(self):
        self.count += 1
        if self.count > self.frames:
            return False, None
        return True, np.full((HEIGHT, WIDTH, 3), (self.count, 0, 0), np.uint8)

    def release(self):
        self.open = False


def test_webcam(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:20, 5:20] = 3
    result = copier().complete_video('webcam:2', mask, propagate=True, max_frames=5)
    assert (result['num_frames'], result['fps'], result['video']) == (5, 30, 'webcam_2')
    assert result['objects'][0]['states'] == ['visible'] * 5
    with pytest.raises(ValueError, match='webcam_2 has no end: give max_frames'):
        copier().complete_video(2, mask, propagate=True)
    first = next(iter(open_video(2)))
    assert first[0, 0].tolist() == [0, 0, 1]
    monkeypatch.setattr(cv2, 'VideoCapture', lambda number: FakeCapture(number, frames=3))
    result = copier().complete_video(2, mask, propagate=True, max_frames=5)
    assert 'the camera gives no more frames' in result['broken_off']


def test_max_frames_bounds_any_video():
    frames, ids = moving_clip(6)
    result = copier().complete_video(frames, ids, max_frames=4)
    assert (result['num_frames'], result['notes']) == (4, [])


def test_wrong_calls_are_one_sentence():
    frames, ids = moving_clip(4)
    for options, error, words in (
        ({}, ValueError, 'no masks to complete'),
        ({'visible_masks': {9: ids[0]}, 'propagate': True}, ValueError, 'has 4 frames'),
        ({'visible_masks': {'a': ids[0]}, 'propagate': True}, TypeError, "got 'a' for the number"),
        ({'visible_masks': {}, 'propagate': True}, ValueError, 'got none'),
        ({'visible_masks': iter(ids), 'propagate': True}, TypeError, 'with propagate=True'),
        ({'visible_masks': ids, 'max_frames': 0}, ValueError, 'max_frames'),
    ):
        with pytest.raises(error, match=words):
            copier().complete_video(frames, **options)
    with pytest.raises(ValueError, match='nothing was found for prompt 1'):
        copier(BoxSource()).complete_video(frames, boxes=[[90, 90, 99, 99]])
    with pytest.raises(ValueError, match='propagate carries given masks on'):
        copier(BrightSource()).complete_video(frames, propagate=True)
