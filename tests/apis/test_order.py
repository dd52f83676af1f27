"""The occlusion order of a picture's results."""

from __future__ import annotations

import json

import numpy as np

from c2fseg.apis.order import picture_order, read_order
from c2fseg.evaluation.functional import Occlusion
from c2fseg.structures import encode_mask


def result(visible: np.ndarray, amodal: np.ndarray) -> dict:
    return {'visible_rle': encode_mask(visible), 'amodal_rle': encode_mask(amodal), 'score': 1.0}


def test_positions_are_those_in_the_list_also_beside_objects_that_failed():
    near, far = np.zeros((2, 8, 12), bool)
    near[:, 4:8] = True
    far[2:4, 2:10] = True
    objects = [{'error': 'its mask is empty'}, result(far & ~near, far), result(near, near)]
    entries = picture_order(objects)
    assert json.loads(json.dumps(entries)) == [{'front': 2, 'back': 1, 'pixels': 8}]
    assert read_order(entries) == [Occlusion(2, 1, 8)]
    assert picture_order(objects, min_share=0.6) == []
    assert picture_order([]) == []
