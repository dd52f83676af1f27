"""AmodalDataSample: typed fields that survive a dict."""

from __future__ import annotations

import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.structures import AmodalDataSample

FIELDS = ('gt_crop_masks', 'gt_masks', 'pred_crop_masks', 'pred_masks')


@pytest.mark.parametrize('name', FIELDS)
def test_fields_hold_pixel_data_only(name: str) -> None:
    sample = AmodalDataSample(metainfo={'sample_id': '1_2'})
    assert name not in sample
    with pytest.raises(TypeError, match=f'{name} expects a PixelData'):
        setattr(sample, name, torch.zeros(1, 4, 4))
    setattr(sample, name, PixelData(amodal=torch.ones(3, 4, 5)))
    assert name in sample
    assert getattr(sample, name).amodal.shape == (3, 4, 5)
    assert sample.to_dict()[name]['amodal'].shape == (3, 4, 5)
    delattr(sample, name)
    assert name not in sample


def test_meta_information_stays_apart() -> None:
    sample = AmodalDataSample(metainfo={'sample_id': '1_2', 'ori_shape': (4, 5)})
    assert sample.sample_id == '1_2'
    assert set(sample.metainfo_keys()) == {'sample_id', 'ori_shape'}
    assert not sample.keys()
