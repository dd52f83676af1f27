"""AmodalCocoMetric: the numbers of the functions behind it, sources, fields, errors."""

from __future__ import annotations

import json
import logging
import math
from functools import cache
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from c2fseg.evaluation import AmodalCocoMetric
from c2fseg.evaluation.functional import average_precision
from c2fseg.evaluation.functional.coco_objects import Detection
from c2fseg.evaluation.scoring import Truth, open_truth
from c2fseg.registry import METRICS
from c2fseg.structures import to_rle
from tests.evaluation.prediction_files import sample_of

KINS_MINI = Path(__file__).parents[1] / 'data' / 'kins_mini'
KINS_V1 = KINS_MINI / 'kins_v1.json'


@cache
def truth_of(path: Path) -> Truth:
    return open_truth(path)


def samples(path: Path = KINS_V1, given: bool = False) -> list[dict]:
    truth = truth_of(path)
    return [sample_of(truth, position, given) for position in range(len(truth.objects))]


def evaluate(found: list[dict], **kwargs) -> dict[str, float]:
    metric = METRICS.build(dict(type='AmodalCocoMetric', **kwargs))
    for sample in found:
        metric.process(None, [sample])
    return metric.evaluate(len(found))


def detection(sample: dict, kind: str, score: float) -> Detection:
    masks = [sample['pred_masks'][key][0].numpy() for key in (kind, 'visible')]
    coded = [to_rle(mask, *mask.shape) for mask in masks]
    return Detection(sample['image_id'], sample['category_id'], score, *coded)


def test_numbers_are_those_of_the_function() -> None:
    found = samples()
    for sample in found[::2]:  # a visible mask for the whole: some of these are wrong
        sample['pred_masks']['amodal'] = sample['gt_masks']['visible'].clone()
    values = evaluate(found, protocols=['coco-amodal', 'coco-amodal-hidden'])
    truths = truth_of(KINS_V1).detection_truth()
    detections = [detection(one, 'amodal', 0.6 + 0.001 * n) for n, one in enumerate(found)]
    for mode in ('coco-amodal', 'coco-amodal-hidden'):
        for mask in ('amodal', 'visible', 'occluded', 'box'):
            expected = average_precision(truths, detections, mode, mask).values
            for key, value in expected.items():
                ours = values[f'{mode}/gt/refined/{mask}/{key}']
                assert ours == pytest.approx(value, abs=1e-9, nan_ok=True)
    assert values['coco-amodal/gt/refined/visible/AP'] == pytest.approx(1.0)
    assert 0 < values['coco-amodal/gt/refined/amodal/AP'] < 1
    assert values['coco-amodal/gt/objects'] == 6


def test_shares_are_those_of_the_file(tmp_path) -> None:
    content = json.loads(KINS_V1.read_text())
    for annotation in content['annotations']:
        annotation['occlude_rate'] = 0.5
    path = tmp_path / 'stated.json'
    path.write_text(json.dumps(content))
    modes = ['coco-amodal-vrsp', 'amodal-ar']
    values = evaluate(samples(path), protocols=modes)
    # All of them count as half hidden: within every range, and heavily hidden.
    assert values['coco-amodal-vrsp/gt/refined/visible/AR@100'] == pytest.approx(1.0)
    assert not math.isnan(values['coco-amodal-vrsp/gt/refined/amodal/APl'])
    assert not math.isnan(values['amodal-ar/gt/refined/amodal/AR@10_heavy'])
    assert math.isnan(values['amodal-ar/gt/refined/amodal/AR@10_none'])
    # Where no sample names the file, the data set does.
    found = samples(path)
    for sample in found:
        del sample['ann_file']
    metric = AmodalCocoMetric('amodal-ar')
    metric.dataset_meta = {'ann_file': str(path)}
    metric.process(None, found)
    assert metric.evaluate(len(found)) == {
        key: pytest.approx(value, nan_ok=True)
        for key, value in values.items()
        if key.startswith('amodal-ar')
    }
    # KINS 2020 states no share, areas stay in pixels: nothing is left, as published (but for an
    # object of a single pixel, whose area is a share too).
    found = [one for one in samples(KINS_MINI / 'kins_2020.json') if one['annotation_id'] != 203]
    values = evaluate(found, protocol='coco-amodal-vrsp')
    assert math.isnan(values['coco-amodal-vrsp/gt/refined/amodal/AP'])


def test_predicted_visible_masks_and_given_scores() -> None:
    found = samples(given=True)
    with pytest.raises(ValueError, match='input_masks'):
        evaluate(found)
    values = evaluate(found, visible_source='pred:x')
    assert 'coco-amodal/pred:x/refined/amodal/AP' in values
    # A detection of each image that is wrong and has the highest score.
    plain = evaluate(samples())['coco-amodal/gt/refined/amodal/AP']
    wrong_first = samples()
    for sample in wrong_first:
        wrong = sample['annotation_id'] in (101, 201)
        sample['score'] = 0.9 if wrong else 0.5
        if wrong:
            sample['pred_masks']['amodal'] = ~sample['pred_masks']['amodal']
    assert evaluate(wrong_first)['coco-amodal/gt/refined/amodal/AP'] < plain


def test_models_without_visible_masks_and_with_coarse_ones() -> None:
    found = samples()
    for sample in found:
        sample['pred_masks']['coarse'] = sample['gt_masks']['amodal'].clone()
        del sample['pred_masks']['visible']
    values = evaluate(found)
    assert values['coco-amodal/gt/coarse/amodal/AP'] == pytest.approx(1.0)
    assert 'coco-amodal/gt/refined/visible/AP' not in values


def test_the_table_names_protocol_and_split() -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    values = evaluate(samples())
    logger.removeHandler(handler)
    [text] = [line for line in lines if 'refined/amodal' in line]
    assert f'protocol coco-amodal | in % | split {KINS_V1}' in text
    assert f'{100 * values["coco-amodal/gt/refined/amodal/AP"]:.2f}' in text


def test_messages() -> None:
    with pytest.raises(ValueError, match='Unknown mode'):
        AmodalCocoMetric('c2f-image')
    with pytest.raises(ValueError, match='regions must be one of'):
        AmodalCocoMetric(regions='animals')
    found = samples()[:1]
    found[0].pop('category_id')
    with pytest.raises(ValueError, match="'11_101' has no category_id"):
        evaluate(found)
    found = samples()[:1]
    found[0].pop('ann_file')
    with pytest.raises(ValueError, match='neither the data set nor a sample names it'):
        evaluate(found, protocol='amodal-ar')
    found = samples()[:1]
    found[0]['annotation_id'] = 999
    with pytest.raises(KeyError, match='has no annotation 999'):
        evaluate(found, protocol='amodal-ar')
    found = samples()[:1]
    for group in ('gt_masks', 'pred_masks'):
        for key in found[0][group]:
            found[0][group][key] = found[0][group][key].repeat(2, 1, 1)
    with pytest.raises(ValueError, match='is a clip of 2 frames'):
        evaluate(found)
