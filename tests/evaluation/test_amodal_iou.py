"""AmodalIoU: rows, sources of visible masks, prediction file, errors."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from pycocotools import mask as coco_mask

from c2fseg.evaluation import AmodalIoU
from c2fseg.evaluation.metrics.prediction_file import write_predictions
from c2fseg.registry import METRICS
from c2fseg.structures import AmodalDataSample

WIDTH = 100


def bar(start: int, end: int, frames: int = 1) -> torch.Tensor:
    """A bar of end - start pixels in an image of one line: (T, 1, WIDTH) bool."""
    mask = torch.zeros(frames, 1, WIDTH, dtype=torch.bool)
    mask[..., start:end] = True
    return mask


def make_sample(
    number: int = 0,
    visible: torch.Tensor | None = None,
    amodal: torch.Tensor | None = None,
    refined: torch.Tensor | None = None,
    coarse: torch.Tensor | None = None,
    given: torch.Tensor | None = None,
    **meta,
) -> dict:
    """An object of 10 pixels of which 6 are visible; the prediction finds 8 of the 10."""
    visible = bar(0, 6) if visible is None else visible
    amodal = bar(0, 10) if amodal is None else amodal
    refined = bar(0, 8) if refined is None else refined
    sample = AmodalDataSample(
        metainfo={
            'sample_id': f'7_{number}',
            'image_id': 7,
            'annotation_id': np.int64(number),
            'category_id': 2,
            'category': 'fish',
            'ori_shape': (1, WIDTH),
            'frame_valid': np.ones(len(amodal), bool),
        }
    )
    sample.set_metainfo(meta)
    sample.gt_masks = PixelData(visible=visible, amodal=amodal)
    sample.pred_masks = PixelData(visible=visible, amodal=refined)
    probability = torch.where(refined > 0.5, 0.75, 0.25)
    sample.pred_crop_masks = PixelData(visible=visible.float(), amodal=probability)
    if coarse is not None:
        sample.pred_masks.coarse = coarse
    if given is not None:
        sample.set_field(PixelData(visible=given), 'input_masks')
    return sample.to_dict()


def evaluate(metric: AmodalIoU, samples: list[dict]) -> dict:
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(samples))


def test_keys_name_protocol_and_source() -> None:
    values = evaluate(METRICS.build({'type': 'AmodalIoU'}), [make_sample(coarse=bar(0, 5))])
    assert values['c2f-image/gt/refined/raw/mIoU_full'] == pytest.approx(0.8)
    assert values['c2f-image/gt/refined/raw/mIoU_occ'] == pytest.approx(0.5, abs=1e-6)
    assert values['c2f-image/gt/coarse/raw/mIoU_full'] == pytest.approx(0.5)
    assert values['c2f-image/gt/coarse/post/mIoU_full'] == pytest.approx(0.6)  # V adds a pixel
    assert values['c2f-image/gt/coarse/post/mIoU_occ'] == 0.0
    assert values['c2f-image/gt/objects'] == 1
    assert values['c2f-image/gt/occluded_objects'] == 1
    assert not any('loss' in key for key in values)
    prefixed = evaluate(AmodalIoU(prefix='val'), [make_sample()])
    assert 'val/c2f-image/gt/refined/post/mIoU_occ' in prefixed
    assert not any('coarse' in key for key in prefixed)  # this model writes none


def test_buckets_by_hand() -> None:
    # Of 20 pixels, 19, 18, 12, 8, 1, 0 and 20 are visible; the prediction is right to the pixel
    # for all but the second.
    shown = [19, 18, 12, 8, 1, 20]
    samples = [
        make_sample(i, visible=bar(0, n), amodal=bar(0, 20), refined=bar(0, 18 if i == 1 else 20))
        for i, n in enumerate(shown)
    ]
    values = evaluate(AmodalIoU(), samples)
    key = 'c2f-image/gt/{}objects_hidden_{}'
    hidden = [values[key.format('', b)] for b in ('5-95', '5-30', '30-60', '60-95')]
    # shares .05, .10, .40, .60, .95, 0: a bound belongs to the range above it.
    assert hidden == [4, 2, 1, 1]
    assert values['c2f-image/gt/objects'] == 6
    assert values['c2f-image/gt/occluded_objects'] == 5
    assert values['c2f-image/gt/refined/raw/mIoU_full_hidden_5-30'] == pytest.approx(0.95)
    assert values['c2f-image/gt/refined/raw/mIoU_occ_hidden_5-30'] == pytest.approx(0.5)
    assert values['c2f-image/gt/refined/raw/mIoU_occ_hidden_5-95'] == pytest.approx(0.75)
    assert values['c2f-image/gt/refined/raw/mIoU_full_hidden_60-95'] == 1.0


def test_empty_bucket_has_no_means_and_shows_dashes() -> None:
    table, values = logged_table(AmodalIoU(), [make_sample()])
    assert values['c2f-image/gt/objects_hidden_5-30'] == 0
    assert 'c2f-image/gt/refined/raw/mIoU_full_hidden_5-30' not in values
    line = next(line for line in table.splitlines() if line.startswith('hidden 5-30 %'))
    assert line.split()[3:] == ['0', '0', '-', '-', '-', '-']


def test_table_names_what_it_shows() -> None:
    metric = AmodalIoU(protocol='c2f-image-strict', visible_source='pred:aisformer')
    metric.dataset_meta = {'ann_file': 'annotations/shapes_test.json'}
    table, _ = logged_table(metric, [make_sample(given=bar(0, 6))])
    assert 'protocol c2f-image-strict' in table
    assert 'split annotations/shapes_test.json' in table
    assert 'pred:aisformer' in table
    assert 'refined post' in table
    line = next(line for line in table.splitlines() if line.startswith('all'))
    assert line.split()[1:] == ['1', '1', '80.00', '50.00', '80.00', '50.00']


def logged_table(metric: AmodalIoU, samples: list[dict]) -> tuple[str, dict]:
    """Evaluates and returns what was logged too."""
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, handler = MMLogger.get_current_instance(), Keep()
    logger.addHandler(handler)
    try:
        values = evaluate(metric, samples)
    finally:
        logger.removeHandler(handler)
    return '\n'.join(messages), values


def test_nothing_occluded_is_nan() -> None:
    values = evaluate(AmodalIoU(), [make_sample(visible=bar(0, 10))])
    assert math.isnan(values['c2f-image/gt/refined/raw/mIoU_occ'])


def test_occlusion_range_and_categories() -> None:
    samples = [
        make_sample(0, category='fish'),
        make_sample(1, category='mug', refined=bar(0, 10)),
        make_sample(2, visible=bar(0, 10)),
    ]
    values = evaluate(AmodalIoU(occlusion_range=(0.05, 0.95), per_category=True), samples)
    assert values['c2f-image/gt/objects'] == 2
    assert values['c2f-image/gt/refined/raw/mIoU_full'] == pytest.approx(0.9)
    assert values['c2f-image/gt/refined/raw/mIoU_full_category_fish'] == pytest.approx(0.8)
    assert values['c2f-image/gt/refined/raw/mIoU_occ_category_mug'] == pytest.approx(1, abs=1e-6)


def test_predicted_input_masks() -> None:
    # V_in pokes out of the object by 2 pixels; post takes them over, raw does not.
    sample = make_sample(refined=bar(0, 10), given=bar(4, 12))
    values = evaluate(AmodalIoU('c2f-image-strict', 'pred:detector'), [sample])
    key = 'c2f-image-strict/pred:detector/refined/{}/mIoU_{}'
    assert values[key.format('raw', 'full')] == 1.0
    assert values[key.format('raw', 'occ')] == 1.0
    assert values[key.format('post', 'full')] == pytest.approx(10 / 12)
    assert values[key.format('post', 'occ')] == pytest.approx(4 / 6)
    with pytest.raises(ValueError, match=r'7_0.*no input_masks.visible'):
        evaluate(AmodalIoU(visible_source='pred:detector'), [make_sample()])
    with pytest.raises(ValueError, match='was not given the true'):
        evaluate(AmodalIoU(), [sample])


def test_frames_are_averaged_within_their_object() -> None:
    # Frame 0: full .8, occ .5. Frame 1: nothing hidden, full .8, not counted. Frame 2: padding.
    visible = torch.cat([bar(0, 6), bar(0, 10), bar(0, 1)])
    clip = make_sample(
        visible=visible,
        amodal=bar(0, 10, 3),
        refined=torch.cat([bar(0, 8), bar(0, 8), bar(50, 60)]),
        frame_valid=np.array([True, True, False]),
    )
    values = evaluate(AmodalIoU('c2f-image-strict'), [clip, make_sample(1, refined=bar(0, 10))])
    assert values['c2f-image-strict/gt/refined/raw/mIoU_full'] == pytest.approx((0.8 + 1) / 2)
    assert values['c2f-image-strict/gt/refined/raw/mIoU_occ'] == pytest.approx((0.5 + 1) / 2)
    assert values['c2f-image-strict/gt/occluded_objects'] == 2


def test_probabilities_are_thresholded_above_one_half() -> None:
    soft = torch.full((1, 1, WIDTH), 0.5)
    soft[..., :8] = 0.51
    values = evaluate(AmodalIoU(), [make_sample(refined=soft)])
    assert values['c2f-image/gt/refined/raw/mIoU_full'] == pytest.approx(0.8)


def test_repeated_objects_count_once() -> None:
    metric = AmodalIoU()
    for number in (0, 1, 2, 0, 1):
        refined = bar(0, 10) if number == 2 else bar(0, 8)
        metric.process(None, [make_sample(number, refined=refined)])
    values = metric.evaluate(3)
    assert values['c2f-image/gt/objects'] == 3
    assert values['c2f-image/gt/refined/raw/mIoU_full'] == pytest.approx(2.6 / 3)
    assert metric.results == []


def test_two_objects_under_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match=r'1 objects with distinct sample_id.*data set has 2'):
        evaluate(AmodalIoU(), [make_sample(3), make_sample(3)])


def test_coarse_masks_for_some_objects_only_are_an_error() -> None:
    with pytest.raises(ValueError, match='Some objects have a coarse mask'):
        evaluate(AmodalIoU(), [make_sample(0, coarse=bar(0, 5)), make_sample(1)])


def test_prediction_file(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'predictions.json'
    unhidden = make_sample(5, visible=bar(0, 10), refined=bar(0, 0), coarse=bar(0, 0))
    evaluate(AmodalIoU(out_file=path), [make_sample(4, coarse=bar(1, 5)), unhidden])
    first, second = json.loads(path.read_text())
    assert (first['image_id'], first['annotation_id'], first['category_id']) == (7, 4, 2)
    for key, mask in {'': bar(0, 8), 'visible_': bar(0, 6), 'coarse_': bar(1, 5)}.items():
        decoded = coco_mask.decode(first[f'{key}segmentation'])
        np.testing.assert_array_equal(decoded, mask[0].numpy())
    assert first['score'] == 0.75
    assert first['iou_full'] == pytest.approx(0.8)
    assert first['iou_occ'] == pytest.approx(0.5, abs=1e-6)
    assert (first['protocol'], first['visible_source']) == ('c2f-image', 'gt')
    assert 'frame' not in first
    assert second['iou_occ'] is None  # nothing is hidden
    assert not coco_mask.decode(second['coarse_segmentation']).any()
    assert (second['score'], second['iou_full']) == (0.0, pytest.approx(0, abs=1e-9))
    assert [p.name for p in path.parent.iterdir()] == ['predictions.json']
    evaluate(AmodalIoU(out_file=path), [make_sample()])  # a model without a coarse stage
    assert json.loads(path.read_text())[0]['coarse_segmentation'] is None


def test_prediction_file_names_frames(tmp_path: Path) -> None:
    path = tmp_path / 'predictions.json'
    clip = make_sample(
        visible=bar(0, 6, 2), amodal=bar(0, 10, 2), refined=torch.cat([bar(0, 8), bar(0, 9)])
    )
    evaluate(AmodalIoU(out_file=path), [clip])
    entries = json.loads(path.read_text())
    assert [entry['frame'] for entry in entries] == [0, 1]
    assert [entry['iou_full'] for entry in entries] == pytest.approx([0.8, 0.9])


def test_prediction_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / 'predictions.json'
    path.write_text('["earlier"]')
    for bad, error in ((object(), TypeError), (math.nan, ValueError)):
        with pytest.raises(error):
            write_predictions(path, [{'score': 1.0}, {'score': bad}])
        assert path.read_text() == '["earlier"]'
        assert list(tmp_path.iterdir()) == [path]
    write_predictions(path, [])
    assert json.loads(path.read_text()) == []


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'protocol': 'savos'}, 'is one for clips: use VideoAmodalIoU'),
        ({'protocol': 'iou'}, 'Unknown evaluation protocol'),
        ({'visible_source': 'pred:'}, 'visible_source must be'),
        ({'visible_source': 'detector'}, 'visible_source must be'),
        ({'occlusion_buckets': ((0.3, 0.1),)}, 'low < high'),
        ({'occlusion_buckets': ((0.3, 0.6), (0.1, 0.3))}, 'ascending'),
        ({'out_file': 'predictions.pkl'}, r'must end in \.json'),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AmodalIoU(**arguments)


def test_bad_samples() -> None:
    metric = AmodalIoU()
    nameless = make_sample()
    del nameless['sample_id']
    with pytest.raises(ValueError, match='no sample_id'):
        metric.process(None, [nameless])
    unpredicted = make_sample()
    del unpredicted['pred_masks']
    with pytest.raises(ValueError, match=r'7_0.*pred_masks\.amodal'):
        metric.process(None, [unpredicted])
    shrunk = make_sample()
    shrunk['pred_masks']['amodal'] = torch.zeros(1, 1, WIDTH - 1, dtype=torch.bool)
    with pytest.raises(ValueError, match='one shape'):
        metric.process(None, [shrunk])
    with pytest.raises(ValueError, match='no valid frame'):
        metric.process(None, [make_sample(frame_valid=np.array([False]))])
