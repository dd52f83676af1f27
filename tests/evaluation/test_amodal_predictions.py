"""AmodalPredictions: a prediction file where there is no truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from c2fseg.evaluation import AmodalPredictions
from tests.evaluation.test_amodal_iou import bar, make_sample


def evaluate(samples: list[dict], file: Path) -> dict:
    metric = AmodalPredictions(file)
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_truth_is_not_looked_at(tmp_path: Path) -> None:
    samples = [make_sample(number, coarse=bar(1, 9)) for number in (3, 4)]
    for sample in samples:
        del sample['gt_masks']
    assert evaluate(samples, tmp_path / 'p.json') == {'predictions/objects': 2.0}
    entries = json.loads((tmp_path / 'p.json').read_text())
    assert [entry['annotation_id'] for entry in entries] == [3, 4]
    assert (entries[0]['image_id'], entries[0]['category_id']) == (7, 2)
    assert 'iou_full' not in entries[0]
    assert 'frame' not in entries[0]
    assert coco_mask.decode(entries[0]['segmentation']).tolist() == [[1] * 8 + [0] * 92]
    coarse = coco_mask.decode(entries[0]['coarse_segmentation'])
    assert coarse.tolist() == [[0] + [1] * 8 + [0] * 91]
    assert entries[0]['score'] == pytest.approx(0.75)


def test_clips_have_an_entry_for_each_real_frame(tmp_path: Path) -> None:
    masks = {key: bar(0, 8, frames=3) for key in ('visible', 'amodal', 'refined')}
    valid, numbers = np.array([True, True, False]), np.array([5, 6, 6])
    sample = make_sample(frame_valid=valid, frame_indices=numbers, **masks)
    evaluate([sample], tmp_path / 'p.json')
    entries = json.loads((tmp_path / 'p.json').read_text())
    assert [entry['frame'] for entry in entries] == [5, 6]


def test_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'must end in \.json'):
        AmodalPredictions(tmp_path / 'p.txt')
    sample = make_sample()
    del sample['pred_masks']
    sample['pred_masks'] = {'coarse': torch.zeros(1, 1, 100)}
    with pytest.raises(ValueError, match=r"Sample '7_0' has no pred_masks\.amodal"):
        evaluate([sample], tmp_path / 'p.json')
