"""ReconstructionIoU against counts made by hand."""

from __future__ import annotations

import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.evaluation.metrics.reconstruction_iou import ReconstructionIoU
from c2fseg.structures import AmodalDataSample


def _sample(sample_id, target, reconstruction):
    sample = AmodalDataSample(metainfo={'sample_id': sample_id})
    sample.gt_crop_masks = PixelData(target=torch.tensor(target))
    sample.pred_crop_masks = PixelData(reconstruction=torch.tensor(reconstruction))
    return sample.to_dict()


def test_mean_over_objects():
    metric = ReconstructionIoU()
    metric.process(
        {},
        [
            _sample('a', [[[1.0, 1.0, 0.0]]], [[[0.9, 0.2, 0.6]]]),  # 1 / 3
            _sample('b', [[[0.0, 0.0]]], [[[0.1, 0.5]]]),  # both empty: 1
            _sample('c', [[[1.0]], [[1.0]]], [[[1.0]], [[0.0]]]),  # two frames: (1 + 0) / 2
        ],
    )
    result = metric.evaluate(3)
    assert result['reconstruction/iou'] == pytest.approx((1 / 3 + 1 + 1 / 2) / 3)
    assert result['reconstruction/objects'] == 3


def test_an_object_delivered_twice_counts_once():
    metric = ReconstructionIoU()
    metric.process({}, [_sample('a', [[[1.0]]], [[[1.0]]]), _sample('b', [[[1.0]]], [[[0.0]]])])
    metric.process({}, [_sample('a', [[[1.0]]], [[[1.0]]])])
    result = metric.evaluate(3)
    assert result == {'reconstruction/iou': 0.5, 'reconstruction/objects': 2}


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="sample 'a'"):
        ReconstructionIoU().process({}, [_sample('a', [[[1.0]]], [[[1.0, 0.0]]])])
