"""Completing videos: lengths, windows, order, batches, hidden frames, memory, outputs, errors."""

from __future__ import annotations

import json
import weakref

import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from c2fseg.apis import AmodalInferencer, init_model, video_inferencer
from c2fseg.apis.video_io import open_video
from c2fseg.visualization.drawing import PALETTE

from .videos import (
    HEIGHT,
    WIDTH,
    WindowModel,
    bar_lengths,
    make_clip,
    tiny_recipe,
    write_avi,
    write_frames,
)

KINDS = ('visible', 'coarse', 'amodal')


@pytest.fixture(scope='session')
def copier() -> AmodalInferencer:
    """Its amodal mask is the visible one."""
    return AmodalInferencer('trivial_visible_shapes', device='cpu')


@pytest.fixture(scope='session')
def tiny() -> AmodalInferencer:
    """A video model of a few thousand random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AmodalInferencer(init_model(tiny_recipe()))


def same(first: dict, second: dict) -> bool:
    pairs = list(zip(first['objects'], second['objects'], strict=True))
    names = [f'{kind}_{form}' for kind in KINDS for form in ('masks', 'rles')]
    names += ['states', 'boxes', 'occlusion_rates', 'frames']
    return all(
        np.array_equal(a[name], b[name])
        for a, b in pairs
        for name in names
        if name in a or name in b
    )


@pytest.mark.parametrize('count', [1, 7, 24, 25, 61])
def test_lengths_and_order_of_frames(copier, count):
    frames, ids = make_clip(count)
    result = copier.complete_video(frames, ids, progress=False)
    assert result['num_frames'] == result['announced_frames'] == count
    assert result['size'] == (HEIGHT, WIDTH)
    assert [item['object_id'] for item in result['objects']] == [1, 2]
    for item in result['objects']:
        assert item['amodal_masks'].shape == (count, HEIGHT, WIDTH)
        assert (item['amodal_masks'] == (ids == item['object_id'])).all()
        assert item['states'] == ['visible'] * count
    bar = result['objects'][0]
    assert bar_lengths(bar['amodal_masks']) == list(range(1, count + 1))
    assert bar['boxes'] == [[0, 2, t + 1, 3] for t in range(count)]


@pytest.mark.parametrize('count', [1, 7, 24])
def test_one_window_is_as_no_windows(tiny, count):
    frames, ids = make_clip(count, hide=(3,))
    sliding = tiny.complete_video(frames, ids, progress=False)
    assert same(sliding, tiny.complete_video(frames, ids, window=None, progress=False))
    assert same(sliding, tiny.complete_video(frames, ids, window=count, overlap=0))


def test_frames_of_one_window_are_not_touched_by_the_fusion(tiny):
    frames, ids = make_clip(10)
    both = tiny.complete_video(frames, ids, window=6, overlap=2, progress=False)
    first = tiny.complete_video(frames[:6], ids[:6], window=None, progress=False)
    last = tiny.complete_video(frames[4:], ids[4:], window=None, progress=False)
    for kind in ('amodal_masks', 'coarse_masks'):
        for item, start, end in zip(both['objects'], first['objects'], last['objects']):
            assert (item[kind][:4] == start[kind][:4]).all()
            assert (item[kind][6:] == end[kind][2:]).all()


def test_picture_and_video_of_one_frame_agree(tiny):
    frames, ids = make_clip(1)
    video = tiny.complete_video(frames, ids)
    picture = tiny(frames[0], [ids[0] == 1, ids[0] == 2])['predictions'][0]
    for item, single in zip(video['objects'], picture['objects'], strict=True):
        for kind in KINDS:
            assert (item[f'{kind}_masks'][0] == single[f'{kind}_mask']).all()
            assert item[f'{kind}_rles'][0] == single[f'{kind}_rle']
        for name in ('score', 'occlusion_rate'):
            assert item[f'{name}s'][0] == pytest.approx(single[name])
        assert item['boxes'][0] == single['box']


def test_windows_and_batches_that_the_model_sees():
    model = WindowModel()
    frames, ids = make_clip(61)
    AmodalInferencer(model).complete_video(frames, ids, batch_size=1, progress=False)
    starts = [0, 16, 32, 37]
    assert model.calls == [[(start, 24)] for start in starts for _ in range(2)]
    model.calls.clear()
    AmodalInferencer(model).complete_video(frames, ids, batch_size=5, progress=False)
    assert model.calls == [[(start, 24)] * 2 for start in starts]


def test_shared_frames_get_the_weighted_mean_by_hand():
    # Windows of six frames start at 0 and 4 and share frames 4 and 5, with weights 2, 1 and 1, 2:
    # 0.75 * 2/3 + 0.1875 * 1/3 = 0.5625 and 0.75 * 1/3 + 0.1875 * 2/3 = 0.375.
    model = WindowModel(lambda start: 0.75 if start == 0 else 0.1875)
    frames, ids = make_clip(10)
    result = AmodalInferencer(model).complete_video(frames, ids, window=6, overlap=2)
    square = result['objects'][1]
    filled = [area > 0 for area in bar_lengths(square['amodal_masks'])]
    assert filled == [True] * 5 + [False] * 5


@pytest.mark.parametrize('batch_size', [1, 3])
def test_batches_change_nothing(tiny, batch_size):
    frames, ids = make_clip(9, hide=(4,))
    ids[:, 35:44, 50:60] = 5
    ids[:7, 35:44, 62:70] = 7
    reference = tiny.complete_video(frames, ids, window=6, overlap=2, progress=False)
    other = tiny.complete_video(
        frames, ids, window=6, overlap=2, batch_size=batch_size, progress=False
    )
    assert same(reference, other)
    # Nor do other objects, nor the number that an object has.
    alone = {9: ids == 5}
    alone = tiny.complete_video(frames, alone, window=6, overlap=2, progress=False)
    assert (alone['objects'][0]['amodal_masks'] == reference['objects'][2]['amodal_masks']).all()


def test_seed_decides(tiny):
    frames, ids = make_clip(5)
    first = tiny.complete_video(frames, ids, seed=1)
    torch.manual_seed(5)
    assert same(first, tiny.complete_video(frames, ids, seed=1))
    other = tiny.complete_video(frames, ids, seed=2)
    pairs = zip(first['objects'], other['objects'])
    assert any((a['coarse_masks'] != b['coarse_masks']).any() for a, b in pairs)


def test_hidden_and_unseen_frames():
    # Object 2 has pixels in frames 0 and 1 only: in windows 0-5 it is completed, in 4-9 not there.
    frames, ids = make_clip(10, hide=tuple(range(2, 10)))
    model = WindowModel()
    result = AmodalInferencer(model).complete_video(frames, ids, window=6, overlap=2)
    square = result['objects'][1]
    assert square['states'] == ['visible'] * 2 + ['hidden'] * 4 + ['unseen'] * 4
    assert square['frames'] == list(range(6))
    assert square['occlusion_rates'][2:] == [1.0] * 4 + [None] * 4
    assert square['scores'] == [0.75] * 6 + [0.0] * 4
    assert square['boxes'][6:] == [[0, 0, 0, 0]] * 4
    assert [area > 0 for area in bar_lengths(square['amodal_masks'])] == [True] * 6 + [False] * 4
    assert all(
        np.array_equal(coco_mask.decode(rle), mask)
        for rle, mask in zip(square['amodal_rles'], square['amodal_masks'], strict=True)
    )
    # Two calls of the model for the first window's objects, one for the second's.
    assert [len(call) for call in model.calls] == [2, 1]


def test_object_that_appears_late(copier):
    frames, ids = make_clip(12, hide=tuple(range(10)))
    item = copier.complete_video(frames, ids, window=4, overlap=1)['objects'][1]
    # Windows start at 0, 3, 6 and 8.
    assert item['states'] == ['unseen'] * 8 + ['hidden'] * 2 + ['visible'] * 2
    assert bar_lengths(item['amodal_masks']) == [0] * 10 + [100] * 2


def test_video_without_any_object(copier, tmp_path):
    frames, ids = make_clip(3)
    out = tmp_path / 'out.gif'
    result = copier.complete_video(frames, 0 * ids, out=out, masks_out=tmp_path / 'm.json')
    assert result['objects'] == []
    assert open_video(out).num_frames == 3
    assert json.loads((tmp_path / 'm.json').read_text()) == []


def test_post_processing_adds_the_visible_part():
    frames, ids = make_clip(3)
    nothing = AmodalInferencer(WindowModel(lambda start: 0.25))
    assert not nothing.complete_video(frames, ids)['objects'][0]['amodal_masks'].any()
    post = nothing.complete_video(frames, ids, post_process=True)
    assert (post['objects'][1]['amodal_masks'] == (ids == 2)).all()


def test_no_more_than_a_window_is_held(copier, monkeypatch):
    frames, ids = make_clip(61)
    held: weakref.WeakSet = weakref.WeakSet()
    most = []

    class CountedFrame(video_inferencer.ClipFrame):
        def __init__(self, *args):
            super().__init__(*args)
            held.add(self)
            most.append(len(held))

        __hash__ = object.__hash__
        __eq__ = object.__eq__

    monkeypatch.setattr(video_inferencer, 'ClipFrame', CountedFrame)
    result = copier.complete_video(
        (frame for frame in frames),
        (mask == 2 for mask in ids),
        window=8,
        overlap=3,
        return_arrays=False,
        progress=False,
    )
    assert len(most) == result['num_frames'] == 61
    # Beside the window, the frame that was read ahead.
    assert max(most) == 9
    assert not any(key.endswith('masks') for key in result['objects'][0])


def test_outputs(copier, tmp_path):
    frames, ids = make_clip(9, hide=(0, 1, 2, 3, 4, 5))
    video, masks = tmp_path / 'out.mp4', tmp_path / 'masks.json'
    result = copier.complete_video(
        frames, ids, window=4, overlap=0, out=video, masks_out=masks, fps=8, side_by_side=True
    )
    assert (result['out'], result['masks_out']) == (str(video), str(masks))
    shown = open_video(video)
    assert (shown.num_frames, shown.fps) == (9, 8)
    drawn = list(shown)
    assert len(drawn) == 9
    for t, frame in enumerate(drawn):
        assert frame.shape == (HEIGHT, 2 * WIDTH, 3)
        # The left half is the input, up to what the coding loses.
        assert abs(float(frame[35:, 4 : WIDTH - 4].mean()) - 3 * t) < 6
    entries = json.loads(masks.read_text())
    seen = {(entry['annotation_id'], entry['frame']): entry for entry in entries}
    # Windows start at 0, 4 and 5: object 2 is hidden in 4 and 5, and unseen before.
    assert sorted(frame for number, frame in seen if number == 2) == [4, 5, 6, 7, 8]
    assert [seen[2, frame]['state'] for frame in (4, 5, 6)] == ['hidden', 'hidden', 'visible']
    assert seen[1, 4]['segmentation'] == result['objects'][0]['amodal_rles'][4]
    again = copier.complete_video(frames, masks, window=4, overlap=0)
    assert same(result, again)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['masks.json', 'out.mp4']


def test_colours_stay_with_their_object(copier, tmp_path):
    frames = np.full((8, HEIGHT, WIDTH, 3), 100, np.uint8)
    ids = np.zeros((8, HEIGHT, WIDTH), np.uint8)
    for t in range(8):
        ids[t, 10:40, 10 + t : 40 + t] = 2 if t % 4 else 0
        ids[t, 2:8, 60:70] = 1 if t > 3 else 0
    out = tmp_path / 'drawn'
    copier.complete_video(frames, ids, window=4, overlap=0, out=out)
    names = [f'{t:06d}.png' for t in range(8)]
    assert sorted(path.name for path in out.iterdir()) == names
    # Object 2 comes first and keeps the first colour when object 1 comes too.
    expected = np.rint(0.55 * 100 + 0.45 * np.array(PALETTE[0])).tolist()
    for t, name in enumerate(names):
        picture = cv2.cvtColor(cv2.imread(str(out / name)), cv2.COLOR_BGR2RGB)
        assert picture[16, 16 + t].tolist() == (expected if t % 4 else [100] * 3)


def test_failure_leaves_former_files(copier, tmp_path):
    frames, ids = make_clip(6)
    (tmp_path / 'out.gif').write_bytes(b'old')
    (tmp_path / 'm.json').write_text('old')
    masks = [*ids[:4], ids[4][:-1], ids[5]]
    with pytest.raises(ValueError, match=r'frame 4 of video: .*\(47, 80\)'):
        copier.complete_video(
            frames,
            masks,
            window=2,
            overlap=0,
            out=tmp_path / 'out.gif',
            masks_out=tmp_path / 'm.json',
        )
    assert (tmp_path / 'out.gif').read_bytes() == b'old'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['m.json', 'out.gif']


def test_bad_masks_are_skipped_on_request(copier):
    frames, ids = make_clip(6)
    tracks = {1: [*(ids == 1)], 'b': [*(ids == 2)]}
    tracks['b'][2] = {'size': [HEIGHT, WIDTH], 'counts': [3]}
    with pytest.raises(ValueError, match='frame 2 of video, object b: its visible mask'):
        copier.complete_video(frames, tracks)
    result = copier.complete_video(frames, tracks, on_error='skip')
    assert [(one['frame'], one['object_id']) for one in result['errors']] == [(2, 'b')]
    assert 'object b' in result['errors'][0]['error']
    assert '1 masks could not be used' in result['notes'][0]
    first, second = result['objects']
    assert (first['amodal_masks'] == (ids == 1)).all()
    assert second['states'] == ['visible'] * 2 + ['hidden'] + ['visible'] * 3


def test_video_that_breaks_off(copier, tmp_path):
    frames, ids = make_clip(30)
    path = write_avi(tmp_path / 'whole.avi', frames)
    data = path.read_bytes()
    cut = tmp_path / 'cut.avi'
    cut.write_bytes(data[: len(data) // 2])
    out = tmp_path / 'out.mp4'
    result = copier.complete_video(cut, ids, window=6, overlap=2, out=out, progress=False)
    count = result['num_frames']
    assert 0 < count < 30
    assert f'{count} of 30 announced frames were read' in result['broken_off']
    assert result['notes'] == [result['broken_off']]
    assert result['fps'] == 12.5
    assert (result['objects'][0]['amodal_masks'] == (ids[:count] == 1)).all()
    assert open_video(out).num_frames == count
    whole = copier.complete_video(path, ids, progress=False)
    assert (whole['num_frames'], whole['broken_off'], whole['notes']) == (30, None, [])


def test_frame_file_that_breaks_off(copier, tmp_path):
    frames, ids = make_clip(8)
    paths = write_frames(tmp_path / 'frames', frames)
    write_frames(tmp_path / 'masks', ids)
    paths[5].write_bytes(paths[5].read_bytes()[:60])
    result = copier.complete_video(tmp_path / 'frames', tmp_path / 'masks', progress=False)
    assert result['num_frames'] == 5
    assert '5 of 8 announced frames' in result['broken_off']
    assert '00005.png' in result['broken_off']
    paths[5].unlink()
    result = copier.complete_video(tmp_path / 'frames', tmp_path / 'masks', progress=False)
    assert result['num_frames'] == 5
    assert 'number 5 is missing between 00004 and 00006' in result['broken_off']
    assert bar_lengths(result['objects'][0]['visible_masks']) == [1, 2, 3, 4, 5]


def test_call_with_a_video_file(copier, tmp_path):
    frames, ids = make_clip(4)
    path = write_avi(tmp_path / 'a clip.avi', frames)
    results = copier(path, ids, out_dir=tmp_path / 'drawn')
    assert results['visualization'] == [str(tmp_path / 'drawn' / 'visualizations' / 'a_clip.mp4')]
    assert open_video(results['visualization'][0]).num_frames == 4
    (prediction,) = results['predictions']
    assert same(prediction, copier.complete_video(path, ids))
    assert copier(str(path), ids)['visualization'] == []
    with pytest.raises(FileNotFoundError, match='No video at'):
        copier(tmp_path / 'absent.mp4', ids)


def test_bad_arguments(copier, tmp_path):
    frames, ids = make_clip(3)
    for wrong, error, words in (
        ({'window': 4, 'overlap': 4}, ValueError, 'overlap < window'),
        ({'batch_size': 0}, ValueError, 'batch_size'),
        ({'seed': 'a'}, TypeError, 'seed'),
        ({'on_error': 'x'}, ValueError, 'on_error'),
        ({'fps': -1, 'out': tmp_path / 'a.mp4'}, ValueError, 'fps'),
        ({'out': tmp_path / 'a.mpeg'}, ValueError, r'as \.mp4, as \.gif'),
        ({'masks_out': tmp_path / 'a.txt'}, ValueError, r'\.json'),
    ):
        with pytest.raises(error, match=words):
            copier.complete_video(frames, ids, **wrong)
    path = write_avi(tmp_path / 'a.avi', frames)
    assert [one.name for one in tmp_path.iterdir()] == ['a.avi']
    write_frames(tmp_path / 'masks', ids, '{:06d}.png')
    write_frames(tmp_path / 'frames', frames, '{:06d}.png')
    for video, out in (
        (path, path),
        (path, tmp_path / 'masks'),
        (tmp_path / 'frames', tmp_path / 'frames'),
        (f'{tmp_path}/frames/*.png', tmp_path / 'frames'),
    ):
        with pytest.raises(ValueError, match='is what is read'):
            copier.complete_video(video, tmp_path / 'masks', out=out)
