"""VideoAmodalIoU: means over tracks and frames, extra rows, prediction file, errors."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from c2fseg.evaluation import VideoAmodalIoU
from c2fseg.registry import METRICS
from tests.evaluation.clips import clip, make_sample
from tests.evaluation.test_amodal_iou import logged_table

PUBLISHED, STRICT = 'c2f-video/gt/refined/raw', 'c2f-video-strict/gt/refined/raw'
BOTH = ('c2f-video', 'c2f-video-strict')
NOBODY = '..........'


def evaluate(metric: VideoAmodalIoU, samples: list[dict]) -> dict:
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(samples))


def first_track(**changes) -> dict:
    """Four real frames and a padded one: partly hidden, unhidden, fully hidden, out of view."""
    masks = {
        'amodal': clip('##########', '##########', '####......', NOBODY, '##########'),
        'visible': clip('######....', '##########', NOBODY, NOBODY, '######....'),
        'refined': clip('########..', '#####.....', '##........', NOBODY, NOBODY),
        'coarse': clip('######....', '##########', NOBODY, NOBODY, '##########'),
        'others': clip('......####', NOBODY, '####......', NOBODY, '......####'),
    }
    meta = {
        'frame_valid': np.array([True, True, True, True, False]),
        'frame_counted': np.array([True, True, False, False, True]),  # padding never counts
        'frame_indices': np.array([7, 8, 9, 10, 10]),
    }
    return make_sample(0, **{**masks, **meta, **changes})


def second_track(**changes) -> dict:
    """One frame, 80 % hidden, right to the pixel."""
    masks = {
        'amodal': clip('##########'),
        'visible': clip('##........'),
        'refined': clip('##########'),
        'coarse': clip('#####.....'),
        'others': clip('..########'),
    }
    return make_sample(1, **{**masks, **changes})


def test_means_over_tracks_and_frames() -> None:
    metric = METRICS.build({'type': 'c2fseg.VideoAmodalIoU', 'protocols': BOTH})
    values = evaluate(metric, [first_track(), second_track()])
    # Published: frames 7 (full .8, occ 2 of 4) and 8 (.5, 0) count; the second track scores 1, 1.
    near = pytest.approx
    assert values[f'{PUBLISHED}/mIoU_full'] == near((0.65 + 1) / 2, abs=1e-6)
    assert values[f'{PUBLISHED}/mIoU_occ'] == near((0.25 + 1) / 2, abs=1e-6)
    assert values[f'{PUBLISHED}/pooled/mIoU_full'] == near((0.8 + 0.5 + 1) / 3, abs=1e-6)
    assert values[f'{PUBLISHED}/pooled/mIoU_occ'] == near((0.5 + 0 + 1) / 3, abs=1e-6)
    # Strict: only frame 7 has something hidden.
    assert values[f'{STRICT}/mIoU_full'] == near((0.65 + 1) / 2)
    assert values[f'{STRICT}/mIoU_occ'] == near((0.5 + 1) / 2)
    assert values[f'{STRICT}/pooled/mIoU_occ'] == near((0.5 + 1) / 2)
    # Post pastes V outside the occluders: frame 8 is right then.
    post = 'c2f-video/gt/refined/post'
    assert values[f'{post}/mIoU_full'] == near(((0.8 + 1) / 2 + 1) / 2, abs=1e-6)
    assert values[f'{post}/mIoU_occ'] == near((0.25 + 1) / 2, abs=1e-6)
    assert values['c2f-video/gt/coarse/raw/mIoU_full'] == near(((0.6 + 1) / 2 + 0.5) / 2, abs=1e-6)
    numbers = {key: value for key, value in values.items() if isinstance(value, int)}
    for protocol, frames_occ in (('c2f-video', 3), ('c2f-video-strict', 2)):
        start = f'{protocol}/gt'
        assert [numbers[f'{start}/{k}'] for k in ('tracks', 'tracks_occ')] == [2, 2]
        assert [numbers[f'{start}/{k}'] for k in ('frames', 'frames_occ')] == [3, frames_occ]
        assert numbers[f'{start}/tracks_left_out'] == 0
    assert numbers['frames/gt/frames'] == 5
    assert not any('loss' in key for key in values)


def test_tracks_without_a_counted_frame_are_left_out_and_numbered() -> None:
    none = np.zeros(5, bool)
    table, values = logged_table(
        VideoAmodalIoU(), [first_track(frame_counted=none), second_track()]
    )
    assert values[f'{PUBLISHED}/mIoU_full'] == pytest.approx(1, abs=1e-6)
    assert (values['c2f-video/gt/tracks'], values['c2f-video/gt/tracks_left_out']) == (1, 1)
    assert 'c2f-video: 1 tracks without a counted frame are left out' in table
    values = evaluate(VideoAmodalIoU(), [first_track(frame_counted=none)])
    assert math.isnan(values[f'{PUBLISHED}/mIoU_full'])
    # Frames count that are not padding when nothing else is said.
    sample = first_track()
    del sample['frame_counted'], sample['frame_indices']
    values = evaluate(VideoAmodalIoU(), [sample])
    assert values['c2f-video/gt/frames'] == 4


def test_frames_by_hidden_share_and_fully_hidden_frames() -> None:
    values = evaluate(VideoAmodalIoU(), [first_track(), second_track()])
    # Shares: 0.4 and 0.8; frame 8 has 0, frame 9 is fully hidden, frame 10 out of view.
    key = 'frames/gt/refined/raw/mIoU_{}_hidden_{}'
    assert values[key.format('full', '5-95')] == pytest.approx((0.8 + 1) / 2)
    assert values[key.format('occ', '5-95')] == pytest.approx((0.5 + 1) / 2)
    assert values[key.format('occ', '30-60')] == 0.5
    assert values[key.format('occ', '60-95')] == 1.0
    assert key.format('occ', '5-30') not in values
    counts = [values[f'frames/gt/frames_hidden_{b}'] for b in ('5-95', '5-30', '30-60', '60-95')]
    assert counts == [2, 0, 1, 1]
    assert values['frames/gt/hidden_frames'] == 1
    assert values['frames/gt/refined/raw/hidden_frames/mIoU_full'] == 0.5
    assert values['frames/gt/coarse/raw/hidden_frames/mIoU_full'] == 0.0
    # The plain keys are found by their ends alone.
    for end in ('refined/raw/mIoU_full', 'refined/raw/mIoU_occ_hidden_5-95'):
        assert len([key for key in values if key.endswith(end)]) == 1


def test_stability_and_its_reference() -> None:
    def bars(*starts: int, lengths: tuple[int, ...] = (4, 4, 4, 4)) -> np.ndarray:
        masks = np.zeros((len(starts), 3, 20), dtype=bool)
        for mask, start, length in zip(masks, starts, lengths):
            mask[1, start : start + length] = True
        return masks

    truth = bars(2, 4, 8, 9)
    steady = make_sample(0, truth, truth, bars(3, 5, 9, 10, lengths=(2, 2, 2, 2)))
    # Grows from 4 to 5 pixels, then is gone twice: 4/5, 0, 0.
    unsteady = make_sample(1, truth, truth, bars(2, 4, 8, 9, lengths=(4, 5, 0, 0)), coarse=None)
    values = evaluate(VideoAmodalIoU(), [steady, unsteady])
    assert values['frames/gt/stability_pairs'] == 6
    assert values['frames/gt/refined/raw/stability'] == pytest.approx((3 + 0.8) / 6)
    assert values['frames/gt/refined/raw/truth_stability'] == 1.0
    table, values = logged_table(VideoAmodalIoU(), [second_track()])
    assert values['frames/gt/stability_pairs'] == 0
    assert not any(key.endswith('/stability') for key in values)
    assert 'stability of the truth' in table


def test_padding_neither_scores_nor_is_steady() -> None:
    rows = {'amodal': ['####'] * 3, 'visible': ['##..'] * 3, 'refined': ['####', '####', '....']}
    inside = {key: np.pad(clip(*lines), ((0, 0), (1, 1), (1, 1))) for key, lines in rows.items()}
    values = evaluate(
        VideoAmodalIoU(), [make_sample(0, **inside, frame_valid=np.array([True, True, False]))]
    )
    assert values[f'{PUBLISHED}/mIoU_full'] == pytest.approx(1, abs=1e-6)
    assert values['frames/gt/refined/raw/stability'] == 1.0
    assert values['frames/gt/stability_pairs'] == 1


def savos_samples() -> list[dict]:
    """Two objects of a video in frames 0 to 3; another covers the right half of each."""
    truth = clip(*['########'] * 4)
    visible = clip(*['####....'] * 4)  # half hidden
    others = clip(*['....####'] * 4)
    better = clip('........', '......##', '....####', '........')
    return [
        make_sample(0, truth, visible, better, others=others, image_id='007'),
        make_sample(1, truth, visible, truth, others=others, image_id='007'),
    ]


def test_savos_rows_from_the_truth() -> None:
    # Frames 1 and 2 of both objects are rows; P' is V and what P finds in the right half.
    table, values = logged_table(VideoAmodalIoU('savos'), savos_samples())
    key = 'savos/gt/refined/post/{}mIoU_{}'
    assert values[key.format('', 'full')] == pytest.approx((6 / 8 + 1 + 1 + 1) / 4, abs=1e-6)
    assert values[key.format('', 'occ')] == pytest.approx((1 / 2 + 1 + 1 + 1) / 4, abs=1e-6)
    assert values[key.format('rows/', 'occ')] == pytest.approx((1 / 2 + 1 + 1 + 1) / 4, abs=1e-6)
    assert (values['savos/gt/frames'], values['savos/gt/rows']) == (2, 4)
    assert not any(key.startswith('savos') and '/raw/' in key for key in values)
    assert 'savos/gt/rows_without_prediction' not in values
    assert 'savos: rows' in table


def test_savos_rows_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / 'rows.csv'
    path.write_text(
        'v_id,obj_id,frame_id,OCC_R,test\n7,0,0,0.5,1\n7,0,2,0.5,1\n7,1,2,0.5,1\n'
        '7,1,9,0.5,1\n8,0,1,0.5,1\n7,1,1,0.5,0\n'
    )
    metric = VideoAmodalIoU(protocols=('savos', 'c2f-video'), rows_file=path)
    table, values = logged_table(metric, savos_samples())
    # Frame 0: object 0 alone, occ 0. Frame 2: both objects, 1.
    key = 'savos/gt/refined/post/{}mIoU_{}'
    assert values[key.format('', 'occ')] == pytest.approx((0 + 1) / 2, abs=1e-6)
    assert values[key.format('rows/', 'occ')] == pytest.approx((0 + 1 + 1) / 3, abs=1e-6)
    assert values[key.format('rows/', 'full')] == pytest.approx((0.5 + 1 + 1) / 3, abs=1e-6)
    assert values['savos/gt/rows'] == 3
    assert values['savos/gt/rows_without_prediction'] == 2
    assert 'savos: 2 rows without a prediction are left out' in table
    assert f'{PUBLISHED}/mIoU_full' in values


def test_without_visible_others_there_are_no_post_numbers() -> None:
    for others in (None, np.zeros((1, 1, 10), bool)):
        table, values = logged_table(VideoAmodalIoU(), [second_track(others=others)])
        assert not any('/post/' in key for key in values)
        assert 'no post numbers' in table
    with pytest.raises(ValueError, match=r'v_1.*no gt_masks\.evaluable'):
        evaluate(VideoAmodalIoU('savos'), [second_track(others=None)])


def test_table_names_what_it_shows() -> None:
    metric = VideoAmodalIoU(protocols=BOTH, visible_source='pred:tracker', prefix='val')
    metric.dataset_meta = {'ann_file': 'test_instance.txt'}
    table, values = logged_table(metric, [first_track(), second_track()])
    assert 'protocol c2f-video, c2f-video-strict' in table
    assert 'split test_instance.txt' in table
    assert 'pred:tracker (predicted)' in table
    assert '2 tracks, 5 frames' in table
    line = next(line for line in table.splitlines() if line.startswith('c2f-video: tracks'))
    assert line.split()[2:6] == ['2', '2', '82.50', '62.50']
    assert 'val/c2f-video/pred:tracker/refined/raw/mIoU_full' in values
    assert 'val/frames/pred:tracker/refined/raw/hidden_frames/mIoU_full' in values


def test_prediction_file(tmp_path: Path) -> None:
    path = tmp_path / 'predictions.json'
    evaluate(VideoAmodalIoU(protocols=BOTH, out_file=path), [first_track(), second_track()])
    entries = json.loads(path.read_text())
    assert [entry['frame'] for entry in entries] == [7, 8, 9, 10, 0]  # padding is not written
    first = entries[0]
    assert (first['image_id'], first['annotation_id'], first['category_id']) == ('v', 0, 3)
    for key, line in {'': '########..', 'visible_': '######....', 'coarse_': '######....'}.items():
        decoded = coco_mask.decode(first[f'{key}segmentation'])
        np.testing.assert_array_equal(decoded, clip(line)[0])
    assert first['score'] == 0.75
    assert first['iou_full'] == pytest.approx(0.8, abs=1e-6)
    assert [entry['iou_occ'] for entry in entries] == [
        pytest.approx(0.5, abs=1e-6),
        0,
        None,  # not counted
        None,
        pytest.approx(1, abs=1e-6),
    ]
    assert (first['protocol'], first['visible_source']) == ('c2f-video', 'gt')
    evaluate(VideoAmodalIoU('savos', out_file=path), savos_samples())
    assert [entry['iou_full'] for entry in json.loads(path.read_text())] == pytest.approx(
        [0.5, 0.75, 1, 0.5, 1, 1, 1, 1], abs=1e-6
    )


def test_repeated_tracks_count_once_and_windows_are_refused() -> None:
    metric = VideoAmodalIoU()
    for sample in (first_track(), second_track(), first_track()):
        metric.process(None, [sample])
    assert metric.evaluate(2)['c2f-video/gt/tracks'] == 2
    with pytest.raises(ValueError, match='1 objects with distinct sample_id'):
        evaluate(VideoAmodalIoU(), [first_track(), first_track()])
    with pytest.raises(ValueError, match=r"1 tracks .* several samples.*\('v', '0'\)"):
        evaluate(VideoAmodalIoU(), [first_track(), first_track(sample_id='v_0_window_2')])


def test_results_hold_no_masks_and_do_not_depend_on_order() -> None:
    samples = [first_track(), second_track()]
    metric = VideoAmodalIoU(protocols=BOTH)
    metric.process(None, samples)
    for result in metric.results:
        arrays = [value for scores in result.scores.values() for value in scores]
        arrays += [result.shares, result.hidden, *result.stability.values()]
        assert all(array.ndim == 1 for array in arrays)
    forwards = metric.evaluate(2)
    backwards = evaluate(VideoAmodalIoU(protocols=BOTH), samples[::-1])
    assert forwards == backwards


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'protocol': 'c2f-image'}, 'is one for images: use AmodalIoU'),
        ({'protocol': 'iou'}, "Unknown evaluation protocol 'iou' for clips"),
        ({'protocol': 'savos', 'protocols': ('savos',)}, 'not both'),
        ({'protocols': 'savos'}, 'must be a list of different names'),
        ({'protocols': ()}, 'must be a list of different names'),
        ({'protocols': ('savos', 'savos')}, 'must be a list of different names'),
        ({'rows_file': 'rows.csv'}, "belongs to the protocol 'savos'"),
        ({'visible_source': 'detector'}, 'visible_source must be'),
        ({'occlusion_buckets': ((0.3, 0.1),)}, 'low < high'),
        ({'out_file': 'predictions.pkl'}, r'must end in \.json'),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoAmodalIoU(**arguments)
    with pytest.raises(FileNotFoundError, match=r'nowhere\.csv'):
        VideoAmodalIoU('savos', rows_file='nowhere.csv')


def test_bad_samples() -> None:
    metric = VideoAmodalIoU()
    for changes, message in (
        ({'frame_valid': np.zeros(5, bool)}, r"'v_0' has no valid frame"),
        ({'frame_valid': np.ones(4, bool)}, r'v_0.*frame_valid must have one value .* 5 frames'),
        ({'frame_counted': np.ones(6, bool)}, r'v_0.*frame_counted must have one value'),
        ({'frame_indices': np.arange(4)}, r'v_0.*frame_indices must have one number'),
    ):
        with pytest.raises(ValueError, match=message):
            metric.process(None, [first_track(**changes)])
    for group, key in (('pred_masks', 'amodal'), ('gt_masks', 'amodal')):
        sample = copy.deepcopy(first_track())
        del sample[group]
        with pytest.raises(ValueError, match=rf'v_0.*no {group}\.{key}'):
            metric.process(None, [sample])
    sample = first_track()
    sample['pred_masks']['amodal'] = sample['pred_masks']['amodal'][:4]
    with pytest.raises(ValueError, match=r'v_0.*one shape \(T, H, W\)'):
        metric.process(None, [sample])
    with pytest.raises(ValueError, match='Some tracks have a coarse or an evaluable mask'):
        evaluate(VideoAmodalIoU(), [first_track(), second_track(others=None)])
