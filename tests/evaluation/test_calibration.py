"""Calibration: bins and errors by hand, the metric on samples, in two parts, and the drawing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData

from c2fseg.evaluation import AmodalCalibration, AmodalIoU
from c2fseg.evaluation.functional.calibration import (
    add_calibrations,
    calibration_error,
    count_calibration,
    reliability,
)
from c2fseg.registry import METRICS
from c2fseg.structures import AmodalDataSample
from tests.tools.loading import load_tool


def test_bins_by_hand():
    sums = count_calibration([0.0, 0.2, 0.25, 0.3, 0.75, 1.0], [0, 0, 1, 0, 1, 1], bins=4)
    assert sums.count.tolist() == [2, 2, 0, 2]
    assert sums.predicted.tolist() == pytest.approx([0.2, 0.55, 0, 1.75])
    assert sums.found.tolist() == [0, 1, 0, 2]
    # |0.2 - 0| + |0.55 - 1| + |1.75 - 2| over 6 pixels; the two inner bins: 0.45 over 2.
    assert calibration_error(sums) == pytest.approx(0.9 / 6)
    assert calibration_error(sums, contested=True) == pytest.approx(0.225)
    assert sums.squared == pytest.approx(0.04 + 0.5625 + 0.09 + 0.0625)
    curve = reliability(sums)
    assert curve[0] == dict(low=0, high=0.25, count=2, predicted=pytest.approx(0.1), found=0.0)
    assert curve[2]['predicted'] is curve[2]['found'] is None


def test_what_is_right_has_no_error_and_nothing_has_none_at_all():
    p = np.repeat([0.25, 0.5], 4)
    truth = [1, 0, 0, 0, 1, 1, 0, 0]
    assert calibration_error(count_calibration(p, truth)) == pytest.approx(0)
    assert math.isnan(calibration_error(count_calibration([], [])))


def test_sums_add_up():
    rng = np.random.default_rng(0)
    p, t = rng.random(100), rng.random(100) > 0.5
    parts = [count_calibration(p[rows], t[rows]) for rows in (slice(30), slice(30, 100))]
    whole, added = count_calibration(p, t), add_calibrations(parts)
    for name, value in vars(whole).items():
        np.testing.assert_allclose(value, getattr(added, name))


@pytest.mark.parametrize(
    ('p', 't', 'bins', 'message'),
    [
        ([0.5], [1, 0], 10, 'shapes'),
        ([1.5], [1], 10, r'must lie in \[0, 1\]'),
        ([float('nan')], [1], 10, r'must lie in \[0, 1\]'),
        ([0.5], [1], 1, 'at least two bins'),
    ],
)
def test_bad_input(p, t, bins, message):
    with pytest.raises(ValueError, match=message):
        count_calibration(p, t, bins)


def test_nothing_to_add_is_an_error():
    with pytest.raises(ValueError, match='need to be there'):
        add_calibrations([])


def line(values) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, -1)


def make_sample(number: int = 0, hypotheses: bool = True) -> dict:
    """A line of 8 px; the window holds the first six, the first two of them visible."""
    sample = AmodalDataSample(
        metainfo=dict(sample_id=str(number), crop_boxes=np.array([[0, 0, 6, 1]]), ori_shape=(1, 8))
    )
    sample.gt_masks = PixelData(
        visible=line([1, 1, 0, 0, 0, 0, 0, 0]).bool(), amodal=line([1, 1, 1, 1, 0, 0, 0, 0]).bool()
    )
    first = line([1.0, 1, 0.75, 0.25, 0, 0])
    sample.pred_crop_masks = PixelData(amodal=first)
    sample.pred_masks = PixelData(amodal=line([1, 1, 1, 0, 0, 0, 0, 0]).bool())
    if hypotheses:
        second = line([1.0, 1, 0.75, 0.95, 0.55, 0])
        masks = line([1, 1, 1, 0, 0, 0, 0, 0]), line([1, 1, 1, 1, 1, 0, 0, 0])
        sample.pred_hypotheses = InstanceData(
            metainfo=dict(uncertainty=0.1),
            masks=torch.stack(masks).bool(),
            crops=torch.stack([first, second]),
            scores=torch.tensor([0.5, 0.5]),
        )
    return sample.to_dict()


def test_the_metric_counts_the_window_without_the_visible_part(tmp_path):
    metric = METRICS.build(dict(type='AmodalCalibration', out_file=tmp_path / 'curves.json'))
    metric.process(None, [make_sample(0), make_sample(1)])
    metric.process(None, [make_sample(1)])  # padding
    values = metric.evaluate(2)
    curves = json.loads((tmp_path / 'curves.json').read_text())
    assert curves['single']['objects'] == 2
    assert sum(one['count'] for one in curves['single']['bins']) == 2 * 4
    # Single: 0.75 and 0.25 are found, 0 twice is not: (0.25 + 0.75) / 4.
    assert values['calibration/single/ece'] == pytest.approx(0.25)
    assert values['calibration/single/ece_contested'] == pytest.approx(0.5)
    # Mean: 0.75, 0.6 found; 0.275 and 0 not.
    assert values['calibration/hypotheses/ece'] == pytest.approx((0.25 + 0.4 + 0.275) / 4)
    assert values['calibration/hypotheses/brier'] == pytest.approx(
        (0.25**2 + 0.4**2 + 0.275**2) / 4, abs=1e-6
    )


def test_single_masks_have_one_curve():
    metric = AmodalCalibration()
    metric.process(None, [make_sample(0, hypotheses=False)])
    assert 'calibration/hypotheses/ece' not in metric.evaluate(1)
    mixed = AmodalCalibration()
    mixed.process(None, [make_sample(0), make_sample(1, hypotheses=False)])
    with pytest.raises(ValueError, match='carry pred_hypotheses and some do not'):
        mixed.evaluate(2)


def test_bad_options():
    with pytest.raises(ValueError, match='at least two bins'):
        AmodalCalibration(bins=1)
    with pytest.raises(ValueError, match=r'must end in \.json'):
        AmodalCalibration(out_file='curves.png')


def test_best_and_mean_of_hypotheses_stand_beside_the_plain_mask():
    metric = AmodalIoU()
    metric.process(None, [make_sample()])
    values = metric.evaluate(1)
    start = 'c2f-image/gt'
    assert values[f'{start}/refined/raw/mIoU_full'] == pytest.approx(3 / 4)
    assert values[f'{start}/best_of_2/raw/mIoU_full'] == pytest.approx(4 / 5)
    assert values[f'{start}/best_of_2/raw/mIoU_occ'] == pytest.approx(2 / 3, abs=1e-6)
    # The mean is 1, 1, 0.75, 0.6, 0.275, 0: the true mask.
    assert values[f'{start}/mean_of_2/raw/mIoU_full'] == pytest.approx(1)
    lacking = make_sample()
    del lacking['pred_hypotheses']['crops']
    with pytest.raises(ValueError, match=r"it lacks \['crops'\]"):
        AmodalIoU().process(None, [lacking])


def test_curves_are_drawn(tmp_path, capsys):
    tool = load_tool('analysis_tools/plot_calibration')
    metric = AmodalCalibration(out_file=tmp_path / 'curves.json')
    metric.process(None, [make_sample()])
    metric.evaluate(1)
    out = tmp_path / 'sub' / 'curve.png'
    assert tool.main([str(tmp_path / 'curves.json'), '--out', str(out)]) == 0
    assert out.read_bytes().startswith(b'\x89PNG')
    assert [path.name for path in out.parent.iterdir()] == ['curve.png']
    assert '2 curves' in capsys.readouterr().out
    (tmp_path / 'other.json').write_text('[1]')
    assert tool.main([str(tmp_path / 'other.json'), '--out', str(out)]) == 1
    assert 'holds no calibration curves' in capsys.readouterr().err
