"""C2FSeg on clips: filling frames, consistency, fused masks, a start from an image model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from c2fseg.models.segmentors.stage_losses import consistency_loss
from c2fseg.utils.checkpoint import CheckpointError
from tests.models.segmentors.tiny import SIDE, run_loss, tiny_batch, tiny_config, tiny_model

BLOCK = dict(type='SpatioTemporalBlock', window_frames=4, window_patch=4, zero_init=False)


def video_transformer(**block) -> dict:
    return dict(tiny_config()['transformer'], block={**BLOCK, **block})


def video_model(train_cfg=None, test_cfg=None, block=None, **changes):
    return tiny_model(
        transformer=video_transformer(**(block or {})),
        train_cfg=train_cfg,
        test_cfg=test_cfg,
        **changes,
    )


def set_frame_valid(batch: dict, valid: list[list[bool]]) -> dict:
    for sample, flags in zip(batch['data_samples'], valid):
        sample.set_metainfo(dict(frame_valid=np.array(flags)))
    return batch


@pytest.mark.parametrize('frames', [1, 7, 24, 25, 61])
def test_clips_of_any_length_are_completed_in_order(frames):
    model = video_model().eval()
    sample = model.test_step(tiny_batch(1, frames, with_gt=False))[0]
    for masks in (sample.pred_masks, sample.pred_crop_masks):
        assert all(len(mask) == frames for mask in masks.values())


def test_objects_of_a_batch_do_not_meet():
    model = video_model().eval()
    together = model.test_step(tiny_batch(3, 5, with_gt=False))
    alone = tiny_batch(3, 5, with_gt=False)
    alone = dict(
        inputs={key: value[2:] for key, value in alone['inputs'].items()},
        data_samples=alone['data_samples'][2:],
    )
    expected = together[2].pred_crop_masks.amodal
    found = model.test_step(alone)[0].pred_crop_masks.amodal
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_the_same_seed_gives_the_same_clip():
    model = video_model().eval()
    first, second = (model.test_step(tiny_batch(1, 6, with_gt=False))[0] for _ in range(2))
    assert torch.equal(first.pred_crop_masks.amodal, second.pred_crop_masks.amodal)


def test_frames_that_fill_up_change_neither_losses_nor_gradients():
    """Two frames of nonsense at the end, marked as filling: as if they held something else."""
    results = []
    for nonsense in (0.0, 1.0):
        model = video_model(train_cfg=dict(consistency_weight=1.0, refine_loss='bce_dice'))
        model.backbone.eval()  # batch statistics would see the filling
        for module in model.refiner.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        batch = set_frame_valid(tiny_batch(2, 6), [[True] * 4 + [False] * 2, [True] * 6])
        sample = batch['data_samples'][0]
        amodal = sample.gt_crop_masks.amodal.clone()
        amodal[4:] = nonsense
        sample.gt_crop_masks = PixelData(visible=sample.gt_crop_masks.visible, amodal=amodal)
        torch.manual_seed(1)
        losses = run_loss(model, batch)
        sum(value for key, value in losses.items() if 'loss' in key).backward()
        grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        results.append((losses, grads))
    for key, value in results[0][0].items():
        torch.testing.assert_close(value, results[1][0][key], rtol=1e-5, atol=1e-6)
    assert results[0][1].keys() == results[1][1].keys()
    for key, value in results[0][1].items():
        torch.testing.assert_close(value, results[1][1][key], atol=1e-6, rtol=1e-4)


def test_consistency_is_about_the_change_of_the_error():
    """Two frames of 1 x 2 pixels; errors by hand."""
    probability = torch.tensor([[0.5, 0.9], [0.7, 0.9]]).view(2, 1, 1, 2)
    truth = torch.tensor([[0.0, 1.0], [0.0, 0.0]]).view(2, 1, 1, 2)
    # errors 0.5, -0.1 then 0.7, 0.9: changes 0.2 and 1.0
    logits = probability.logit()
    assert float(consistency_loss(logits, truth, 2)) == pytest.approx(0.6, abs=1e-5)
    # a constant error costs nothing, whatever the truth does
    moving = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).view(2, 1, 1, 2)
    wrong = (moving * 0.6 + 0.2).logit()
    still = float(consistency_loss(wrong, wrong.sigmoid(), 2))
    assert still == pytest.approx(0, abs=1e-6)
    # single frames and pairs with a filling frame do not count
    assert float(consistency_loss(logits[:1], truth[:1], 1)) == 0
    valid = torch.tensor([[True, False]])
    assert float(consistency_loss(logits, truth, 2, valid)) == 0


def test_consistency_is_a_loss_only_where_it_has_a_weight():
    assert 'loss_consistency' not in run_loss(video_model(), tiny_batch(1, 3))
    model = video_model(train_cfg=dict(consistency_weight=0.5))
    torch.manual_seed(0)
    half = run_loss(model, tiny_batch(1, 3))['loss_consistency']
    assert half.requires_grad
    assert float(half) > 0


@pytest.mark.parametrize(('fuse', 'expected'), [(True, True), (False, False)])
def test_the_coarse_mask_can_be_added_before_the_threshold(monkeypatch, fuse, expected):
    """0.3 + 0.4 exceeds one half, 0.4 alone does not; the coarse mask by itself stays as it is."""
    model = video_model(test_cfg=dict(fuse_coarse=fuse)).eval()
    ones = torch.ones(1, 2, SIDE, SIDE)
    monkeypatch.setattr(
        model,
        'complete',
        lambda *args: dict(coarse=0.3 * ones, visible=0 * ones, amodal=0.4 * ones),
    )
    sample = model.test_step(tiny_batch(1, 2, with_gt=False))[0]
    assert bool(sample.pred_masks.amodal.any()) == expected
    assert not bool(sample.pred_masks.coarse.any())
    assert float(sample.pred_crop_masks.amodal.max()) == pytest.approx(0.4)


@pytest.fixture
def image_weights(tmp_path):
    path = tmp_path / 'image.pth'
    model = tiny_model()
    torch.save(dict(state_dict=model.state_dict()), path)
    return path, model


def start(path, **block):
    torch.manual_seed(9)
    model = video_model(
        block={'zero_init': True, **block},
        init_cfg=dict(type='Pretrained', checkpoint=str(path)),
    )
    model.init_weights()
    return model


def test_a_video_model_begins_as_the_image_model(image_weights):
    path, image = image_weights
    video = start(path)
    batch = tiny_batch(2, 5, with_gt=False)
    expected = [s.pred_crop_masks.amodal for s in image.eval().test_step(batch)]
    batch = tiny_batch(2, 5, with_gt=False)
    found = [s.pred_crop_masks.amodal for s in video.eval().test_step(batch)]
    for one, other in zip(found, expected):
        assert torch.equal(one, other)


def test_a_video_model_can_go_on_from_a_video_model(tmp_path, image_weights):
    path = tmp_path / 'video.pth'
    trained = start(image_weights[0])
    torch.nn.init.ones_(trained.transformer.blocks[0].temporal_attn.proj.weight)
    torch.save(trained.state_dict(), path)
    model = start(path)
    assert bool((model.transformer.blocks[0].temporal_attn.proj.weight == 1).all())


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('refiner.visible_branch.out.bias'), r'1 missing \(refiner.visible_br'),
        (lambda s: s.update(other=torch.zeros(1)), r'1 unexpected \(other\)'),
        (
            lambda s: s.update({'transformer.blocks.0.temporal_norm.bias': torch.zeros(16)}),
            'missing',
        ),
    ],
)
def test_what_is_new_is_the_attention_over_frames_alone(image_weights, tmp_path, change, message):
    state = dict(image_weights[1].state_dict())
    change(state)
    torch.save(state, tmp_path / 'changed.pth')
    with pytest.raises(RuntimeError, match=message):
        start(tmp_path / 'changed.pth')


def test_an_image_model_does_not_start_from_a_video_model(tmp_path):
    torch.save(video_model().state_dict(), tmp_path / 'video.pth')
    model = tiny_model(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'video.pth')))
    with pytest.raises(RuntimeError, match=r'unexpected .*temporal'):
        model.init_weights()


def test_attention_over_frames_is_left_out_when_asked(tmp_path):
    trained = video_model()
    torch.save(trained.state_dict(), tmp_path / 'video.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'video.pth'), drop_temporal=True)
    model = tiny_model(init_cfg=init)
    model.init_weights()
    for name, value in model.state_dict().items():
        assert torch.equal(value, trained.state_dict()[name])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r'nowhere\.pth'):
        start(tmp_path / 'nowhere.pth')
