"""Hypotheses in the results of an object: order, equal masks, probability."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData

from c2fseg.apis.results import object_result
from c2fseg.structures import AmodalDataSample, decode_mask

GIVEN = np.array([[True, False, False, False]])


def make_sample() -> AmodalDataSample:
    """A window of 1 x 4 px that is the picture; the second and the third hypothesis are equal."""
    masks = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 1]])
    sample = AmodalDataSample(metainfo=dict(crop_boxes=np.array([[0, 0, 4, 1]]), ori_shape=(1, 4)))
    first = masks[0].view(1, 1, 4)
    sample.pred_masks = PixelData(amodal=first.bool())
    sample.pred_crop_masks = PixelData(amodal=first.float())
    sample.pred_hypotheses = InstanceData(
        metainfo=dict(uncertainty=0.25),
        masks=masks.bool().view(4, 1, 1, 4),
        crops=masks.float().view(4, 1, 1, 4),
        scores=torch.tensor([0.4, 0.3, 0.2, 0.1]),
    )
    return sample


def test_equal_masks_are_one_entry_and_the_most_trusted_is_first():
    result, _ = object_result(make_sample(), GIVEN, {})
    rows = [item['amodal_mask'].astype(int).tolist() for item in result['hypotheses']]
    assert rows == [[[1, 1, 1, 0]], [[1, 1, 0, 0]], [[0, 1, 1, 1]]]
    assert [item['score'] for item in result['hypotheses']] == pytest.approx([0.5, 0.4, 0.1])
    for item in result['hypotheses']:
        assert (decode_mask(item['amodal_rle'], 1, 4) == item['amodal_mask']).all()
    assert result['uncertainty'] == 0.25
    assert result['probability'].dtype == np.float32
    np.testing.assert_allclose(result['probability'], [[0.9, 1.0, 0.6, 0.1]], rtol=1e-6)
    # The mask of the object is that of a single hypothesis.
    assert result['amodal_mask'].astype(int).tolist() == [[1, 1, 0, 0]]


def test_post_processing_adds_the_visible_part_to_all():
    result, _ = object_result(make_sample(), GIVEN, {}, post_process=True)
    assert all(item['amodal_mask'][0, 0] for item in result['hypotheses'])
    np.testing.assert_allclose(result['probability'], [[1.0, 1.0, 0.6, 0.1]], rtol=1e-6)
    assert result['probability'].dtype == np.float32


def test_without_arrays_the_result_is_what_json_can_hold():
    result, _ = object_result(make_sample(), GIVEN, {}, return_arrays=False)
    again = json.loads(json.dumps(result))
    assert 'probability' not in again
    assert sum(item['score'] for item in again['hypotheses']) == pytest.approx(1, abs=1e-12)


def test_a_sample_with_one_mask_has_none_of_these_keys():
    sample = make_sample()
    del sample.pred_hypotheses
    result, _ = object_result(sample, GIVEN, {})
    assert not {'hypotheses', 'uncertainty', 'probability'} & set(result)
