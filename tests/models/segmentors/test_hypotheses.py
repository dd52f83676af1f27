"""Several masks of one object: the first is the plain one, seeds, batching, confidences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.models.segmentors.hypotheses import expected_iou, weigh_hypotheses
from c2fseg.models.segmentors.settings import TestSettings as Settings  # not a test
from c2fseg.structures import AmodalDataSample
from tests.models.segmentors.tiny import IMAGE, SIDE, tiny_batch, tiny_model

STATE = dict(
    refiner=dict(
        type='ConvRefiner',
        feature_dims=5,
        channels=(8, 6, 4, 3),
        output_scale=1,
        state_channels=16,
    ),
    decoder=dict(scheduler=dict(type='CosineMaskScheduler'), num_steps=1),
)


def predict(batch: dict | None = None, **settings) -> list[AmodalDataSample]:
    model = tiny_model(**STATE, test_cfg=settings).eval()
    return model.test_step(batch or tiny_batch(3, with_gt=False))


@pytest.fixture(scope='module')
def four() -> list[AmodalDataSample]:
    return predict(num_hypotheses=4)


def test_the_first_hypothesis_is_the_single_mask_to_the_bit(four):
    for single, several in zip(predict(), four, strict=True):
        assert 'pred_hypotheses' not in single
        found = several.pred_hypotheses
        for name, value in single.pred_crop_masks.items():
            assert torch.equal(value, getattr(several.pred_crop_masks, name))
        assert torch.equal(found.crops[0], single.pred_crop_masks.amodal)
        assert torch.equal(found.masks[0], single.pred_masks.amodal)


def test_fields_have_their_shapes_and_ranges(four):
    for sample in four:
        found = sample.pred_hypotheses
        assert len(found) == 4
        assert found.masks.shape == (4, 1, *IMAGE)
        assert found.masks.dtype == torch.bool
        assert found.crops.shape == (4, 1, SIDE, SIDE)
        assert 0 <= float(found.crops.min()) <= float(found.crops.max()) <= 1
        assert float(found.scores.sum()) == pytest.approx(1, abs=1e-6)
        assert 0 <= found.uncertainty <= 1
        # All four differ, although the model itself decodes in one step.
        assert len({one.numpy().tobytes() for one in found.crops}) == 4


def test_neither_their_number_nor_the_chunks_change_a_hypothesis(four):
    for settings in (dict(num_hypotheses=2), dict(num_hypotheses=4, hypothesis_batch=2)):
        for one, other in zip(four, predict(**settings), strict=True):
            number = settings['num_hypotheses']
            torch.testing.assert_close(
                one.pred_hypotheses.crops[:number],
                other.pred_hypotheses.crops,
                atol=1e-5,
                rtol=1e-4,
            )


def test_an_object_alone_has_the_hypotheses_that_it_has_in_a_batch(four):
    batch = tiny_batch(3, with_gt=False)
    part = dict(
        inputs={key: value[1:2] for key, value in batch['inputs'].items()},
        data_samples=batch['data_samples'][1:2],
    )
    (alone,) = predict(part, num_hypotheses=4)
    torch.testing.assert_close(
        alone.pred_hypotheses.crops, four[1].pred_hypotheses.crops, atol=1e-5, rtol=1e-4
    )


def test_the_seed_decides_all_hypotheses(four):
    again, other = predict(num_hypotheses=4), predict(num_hypotheses=4, seed=1)
    for one, same, different in zip(four, again, other, strict=True):
        assert torch.equal(one.pred_hypotheses.crops, same.pred_hypotheses.crops)
        for h in range(4):
            assert not torch.equal(one.pred_hypotheses.crops[h], different.pred_hypotheses.crops[h])


def test_without_a_seed_the_global_generator_decides():
    model = tiny_model(**STATE, test_cfg=dict(num_hypotheses=3, seed=None)).eval()
    results = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        samples = model.test_step(tiny_batch(2, with_gt=False))
        results.append(torch.stack([s.pred_hypotheses.crops for s in samples]))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0][:, 1], results[2][:, 1])


def test_what_the_hypotheses_share_is_computed_once():
    model = tiny_model(**STATE, test_cfg=dict(num_hypotheses=5, hypothesis_steps=2)).eval()
    calls = dict(backbone=[], feature_proj=[], head=[])
    for name, module in (
        ('backbone', model.backbone),
        ('feature_proj', model.transformer.feature_proj),
        ('head', model.transformer.head),
    ):
        module.register_forward_hook(
            lambda _, args, __, name=name: calls[name].append(len(args[0]))
        )
    model.test_step(tiny_batch(3, with_gt=False))
    # One step of the plain mask, then two steps of four hypotheses of three objects.
    assert calls == dict(backbone=[3], feature_proj=[3], head=[3, 12, 12])


def test_a_hypothesis_of_a_clip_is_a_whole_clip():
    batch = tiny_batch(2, num_frames=3, with_gt=False)
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(frame_valid=np.array([True, True, False])))
    for sample in predict(batch, num_hypotheses=3):
        found = sample.pred_hypotheses
        assert found.masks.shape == (3, 3, *IMAGE)
        assert found.scores.shape == (3,)
        assert torch.equal(found.masks[0], sample.pred_masks.amodal)


def test_fused_coarse_masks_are_fused_in_every_hypothesis():
    for sample in predict(num_hypotheses=3, fuse_coarse=True):
        assert torch.equal(sample.pred_hypotheses.masks[0], sample.pred_masks.amodal)


def test_expected_iou_by_hand():
    probability = torch.tensor([1.0, 0.5, 0.5, 0.0]).view(1, 1, 1, 4)
    masks = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]).bool()
    found = expected_iou(masks.view(1, 4, 1, 1, 4), probability)
    # 1 / (1 + 1), 1.5 / (2 + 0.5), 0 / (1 + 2), 0 / (0 + 2)
    assert found.tolist() == [[0.5, pytest.approx(0.6), 0.0, 0.0]]
    nothing = expected_iou(torch.zeros(1, 1, 1, 1, 4).bool(), torch.zeros(1, 1, 1, 4))
    assert nothing.tolist() == [[1.0]]


def test_confidence_and_uncertainty_by_hand():
    crops = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]]).view(1, 3, 1, 1, 4)
    confidence, uncertainty = weigh_hypotheses(crops, Settings(confidence_temperature=0.1))
    # The mean is (1, 2/3, 1/3, 0): E = (5/3) / (2 + 1/3) for the two, (4/3) / (2 + 2/3) for the
    # third; the mask of the mean is that of the two.
    expected = torch.tensor([5 / 7, 5 / 7, 1 / 2])
    torch.testing.assert_close(confidence[0], (expected / 0.1).softmax(0))
    assert float(uncertainty[0]) == pytest.approx(2 / 7)
    same, none = weigh_hypotheses(crops[:, :1].repeat(1, 3, 1, 1, 1), Settings())
    torch.testing.assert_close(same[0], torch.full((3,), 1 / 3))
    assert float(none[0]) == 0


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(num_hypotheses=0), 'num_hypotheses must be a whole number of at least 1, got 0'),
        (dict(num_hypotheses=2.0), 'num_hypotheses must be a whole number'),
        (dict(hypothesis_steps=1), 'hypothesis_steps must be a whole number of at least 2'),
        (dict(hypothesis_top_k=0), 'hypothesis_top_k'),
        (dict(hypothesis_batch=0), 'hypothesis_batch'),
        (dict(hypothesis_temperature=-1), 'must not be negative'),
        (dict(confidence_temperature=0), 'must be positive'),
    ],
)
def test_settings_out_of_range_are_errors(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings.from_config(settings)


def test_a_field_of_another_kind_is_refused():
    with pytest.raises(TypeError, match='expects an InstanceData, got PixelData'):
        AmodalDataSample().pred_hypotheses = PixelData()
