"""The other protocols as modes of AmodalIoU and VideoAmodalIoU: keys, tables, sources."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.evaluation import AmodalIoU, VideoAmodalIoU
from tests.evaluation.clips import clip
from tests.evaluation.clips import make_sample as make_track
from tests.evaluation.test_amodal_iou import bar, logged_table, make_sample
from tests.evaluation.test_video_amodal_iou import evaluate as evaluate_clips


def objects() -> list[dict]:
    """10 pixels, 6 visible, 8 found; 40 pixels, all visible, 10 of them and 10 others found."""
    return [
        make_sample(0),
        make_sample(1, visible=bar(0, 40), amodal=bar(0, 40), refined=bar(30, 50)),
    ]


def test_pcnet_sums_pixels() -> None:
    table, values = logged_table(AmodalIoU('pcnet'), objects())
    # I = 8 + 10, U = 10 + 50, A = 10 + 40. Of the first object alone 8 / 10.
    key = 'pcnet/gt/refined/raw/{}'
    assert values[key.format('mIoU')] == pytest.approx(18 / 60)
    assert values[key.format('pAcc')] == pytest.approx(18 / 50)
    assert values[key.format('mIoU_hidden_30-60')] == pytest.approx(8 / 10)
    assert (values['pcnet/gt/objects'], values['pcnet/gt/objects_hidden_30-60']) == (2, 1)
    assert not any('occ' in name or '/post/' in name for name in values)
    assert 'pixels of all objects pooled' in table
    lines = table.splitlines()
    assert next(line for line in lines if 'mIoU' in line).split() == ['objects', 'mIoU', 'pAcc']
    assert next(line for line in lines if line.startswith('all')).split() == [
        'all', '2', '30.00', '36.00',
    ]  # fmt: skip


def test_pcnet_sums_the_frames_of_a_clip() -> None:
    frames = make_sample(
        visible=bar(0, 6, 2), amodal=bar(0, 10, 2), refined=torch.cat([bar(0, 8), bar(0, 30)])
    )
    _, values = logged_table(AmodalIoU('pcnet'), [frames])
    assert values['pcnet/gt/refined/raw/mIoU'] == pytest.approx((8 + 10) / (10 + 30))


def test_vita_has_three_numbers() -> None:
    table, values = logged_table(AmodalIoU('vita'), objects())
    key = 'vita/gt/refined/raw/{}'
    assert values[key.format('mIoU_full')] == pytest.approx((8 / 10 + 10 / 50) / 2)
    assert values[key.format('mIoU_occ')] == 1 / 2  # 2 of 4; the second hides nothing
    assert values[key.format('visible_recall')] == pytest.approx((6 / 6 + 10 / 40) / 2)
    assert (values['vita/gt/objects'], values['vita/gt/occluded_objects']) == (2, 1)
    assert not any('/post/' in name for name in values)
    line = next(line for line in table.splitlines() if line.startswith('all'))
    assert line.split() == ['all', '2', '1', '50.00', '50.00', '62.50']


def test_vita_takes_the_occluded_head_of_the_refined_mask() -> None:
    sample = make_sample(coarse=bar(0, 7))
    sample['pred_masks']['occluded'] = bar(6, 9)  # 3 of the 4 hidden pixels
    _, values = logged_table(AmodalIoU(protocols=['vita', 'c2f-image-strict']), [sample])
    assert values['vita/gt/refined/raw/mIoU_occ'] == 3 / 4
    assert values['vita/gt/coarse/raw/mIoU_occ'] == 1 / 4  # {6} of 6..9: the head is not its
    assert values['c2f-image-strict/gt/refined/raw/mIoU_occ'] == 2 / 4


def test_one_table_for_each_protocol() -> None:
    metric = AmodalIoU(protocols=['c2f-image', 'pcnet', 'vita'], prefix='val')
    table, values = logged_table(metric, objects())
    lines = [line for line in table.splitlines() if line.startswith('protocol ')]
    assert [line.split()[1] for line in lines] == ['c2f-image', 'pcnet', 'vita']
    for name in ('c2f-image', 'pcnet', 'vita'):
        assert values[f'val/{name}/gt/objects'] == 2
    assert 'val/c2f-image/gt/refined/post/mIoU_full' in values


def test_the_first_protocol_writes_the_prediction_file(tmp_path: Path) -> None:
    path = tmp_path / 'out.json'
    logged_table(AmodalIoU(protocols=['pcnet', 'vita'], out_file=path), objects())
    first = json.loads(path.read_text())[0]
    assert (first['protocol'], first['iou_occ']) == ('pcnet', None)
    assert first['iou_full'] == pytest.approx(8 / 10)
    path = tmp_path / 'clips.json'
    evaluate_clips(VideoAmodalIoU(protocols=['diffusion-vas'], out_file=path), [track()])
    first = json.loads(path.read_text())[0]
    # P or V = 0..7 of 0..9; a line of pixels is eroded to nothing and does not count.
    assert (first['protocol'], first['iou_occ']) == ('diffusion-vas', None)
    assert first['iou_full'] == pytest.approx(8 / 10)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'protocol': 'vita', 'protocols': ['vita']}, 'to AmodalIoU, not both'),
        ({'protocol': ['vita']}, 'protocol must be one name'),
        ({'protocols': 'vita'}, 'must be a list of different names'),
        ({'protocols': []}, 'must be a list of different names'),
        ({'protocols': ['vita', 'vita']}, 'must be a list of different names'),
        ({'protocols': ['vita', 'eoras']}, "'eoras' is one for clips: use VideoAmodalIoU"),
    ],
)
def test_bad_protocols(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AmodalIoU(**arguments)


def track(number: int = 0, **changes) -> dict:
    """Two frames: 4 of 10 pixels hidden by another object and 2 of them found; nothing hidden."""
    masks = {
        'amodal': clip('##########', '##########'),
        'visible': clip('######....', '##########'),
        'refined': clip('########..', '#####.....'),
        'others': clip('......####', '..........'),
    }
    return make_track(number, **{**masks, **changes})


def given(sample: dict, visible: np.ndarray, others: np.ndarray | None = None) -> dict:
    """The sample of a model that was given predicted masks."""
    masks = PixelData(visible=torch.from_numpy(visible))
    if others is not None:
        masks.evaluable = torch.from_numpy(~others)
    sample['input_masks'] = dict(masks.items())
    return sample


def test_eoras_pools_frames_and_numbers_them_by_column() -> None:
    table, values = logged_table(VideoAmodalIoU('eoras'), [track(), track(1)])
    key = 'eoras/gt/refined/{}/{}'
    assert values[key.format('raw', 'mIoU_full')] == pytest.approx((0.8 + 0.5) / 2, abs=1e-6)
    assert values[key.format('raw', 'mIoU_occ')] == pytest.approx((0.5 + 0) / 2, abs=1e-6)
    assert values[key.format('post', 'mIoU_full')] == pytest.approx((0.8 + 1) / 2, abs=1e-6)
    assert values[key.format('raw', 'frames')] == values[key.format('post', 'frames_occ')] == 4
    assert 'eoras/gt/frames' not in values
    line = next(line for line in table.splitlines() if line.startswith('eoras: pooled frames'))
    assert line.split()[3:] == ['4', '4', '65.00', '25.00', '90.00', '25.00']
    assert 'which frames count' not in table
    # 32 hidden pixels that the coarse mask alone gets right to the pixel: dropped there.
    wide = {
        'amodal': clip('#' * 36),
        'visible': clip('####' + '.' * 32),
        'refined': clip('#' * 35 + '.'),
        'coarse': clip('#' * 36),
    }
    table, values = logged_table(VideoAmodalIoU('eoras'), [make_track(0, **wide)])
    numbers = [values[f'eoras/gt/{stage}/raw/frames_occ'] for stage in ('refined', 'coarse')]
    assert numbers == [1, 0]
    assert 'eoras: which frames count depends on the prediction' in table


def test_diffusion_vas_needs_no_other_objects() -> None:
    tall = {
        key: np.repeat(np.repeat(mask, 8, axis=1), 2, axis=2)  # (2, 8, 20)
        for key, mask in (
            ('amodal', clip('##########', '##########')),
            ('visible', clip('####......', '##########')),
            ('refined', clip('........##', '#####.....')),
        )
    }
    sample = track(**tall, others=None)
    _, values = logged_table(VideoAmodalIoU('diffusion-vas'), [sample])
    key = 'diffusion-vas/gt/refined/post/{}'
    # Frame 0: V and P are 8 + 4 of 20 columns. The border erodes nothing, so of O = columns 8 to
    # 19 there are 10 to 19 left, of P = 16 to 19 there are 18 and 19. Frame 1: O is empty.
    assert values[key.format('mIoU_full')] == pytest.approx((12 / 20 + 1) / 2)
    assert values[key.format('mIoU_occ')] == pytest.approx(2 / 10)
    assert (values[key.format('frames')], values[key.format('frames_occ')]) == (2, 1)
    assert not any(k.startswith('diffusion-vas') and '/raw/' in k for k in values)


def test_savos_kins_car_in_the_metric() -> None:
    # Of the given masks: V_in = 0..4, another object at 6..9. P' = V_in and 6..7 in frame 0.
    predicted = [
        given(track(number), clip('#####.....', '#####.....'), clip('......####', '..........'))
        for number in (0, 1)
    ]
    metric = VideoAmodalIoU('savos-kins-car', visible_source='pred:pointtrack')
    table, values = logged_table(metric, predicted)
    key = 'savos-kins-car/pred:pointtrack/refined/post/{}'
    assert values[key.format('mIoU_full')] == pytest.approx((7 / 10 + 5 / 10) / 2, abs=1e-6)
    assert values[key.format('mIoU_occ')] == pytest.approx(2 / 4, abs=1e-6)  # frame 1 is dropped
    assert values[key.format('rows/mIoU_occ')] == pytest.approx(2 / 4, abs=1e-6)
    numbers = [values[key.format(name)] for name in ('frames', 'frames_occ', 'rows', 'rows_occ')]
    assert numbers == [2, 1, 4, 2]
    assert 'savos-kins-car: rows' in table
    with pytest.raises(ValueError, match=r'v_0.*no input_masks\.evaluable'):
        evaluate_clips(
            VideoAmodalIoU('savos-kins-car', visible_source='pred:pointtrack'),
            [given(track(), clip('#####.....', '#####.....'))],
        )
    with pytest.raises(ValueError, match=r'v_0.*no gt_masks\.evaluable'):
        evaluate_clips(VideoAmodalIoU('savos-kins-car'), [track(others=None)])


def test_predicted_masks_leave_the_other_protocols_alone() -> None:
    names = ['c2f-video', 'eoras', 'diffusion-vas']
    sample = given(track(), clip('.#########', '##########'))
    metric = VideoAmodalIoU(protocols=names, visible_source='pred:tracker')
    values = evaluate_clips(metric, [sample])
    key = '{}/pred:tracker/refined/raw/mIoU_occ'
    assert values[key.format('c2f-video')] == pytest.approx((0.5 + 0) / 2, abs=1e-6)
    # eoras takes V_in for V: of frame 0 only pixel 0 is hidden, and found: 1 / (1 + 1e-6).
    assert values[key.format('eoras')] == pytest.approx((1 + 0) / 2, abs=1e-6)
    with pytest.raises(ValueError, match=r'v_0.*no input_masks\.visible'):
        evaluate_clips(VideoAmodalIoU('eoras', visible_source='pred:tracker'), [track()])
