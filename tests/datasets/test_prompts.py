"""Simulated clicks and boxes, and their crops."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.datasets.transforms import CropPrompt, FlipObject, PackPromptInputs, SimulatePrompt
from c2fseg.evaluation.metrics import PromptedIoU


def _results() -> dict:
    """A ring of 20 px, hidden on its right side."""
    amodal = np.zeros((60, 80), np.uint8)
    amodal[20:40, 30:50] = 1
    amodal[26:34, 36:44] = 0
    visible = amodal.copy()
    visible[:, 44:] = 0
    picture = np.repeat(visible[..., None] * np.uint8(200), 3, axis=2)
    return {
        'img': picture[None], 'gt_visible_mask': visible[None], 'gt_amodal_mask': amodal[None],
        'sample_id': '1_2', 'image_id': 1, 'annotation_id': 2, 'img_paths': ['a.png'],
    }  # fmt: skip


@pytest.mark.parametrize('kind', ['box', 'points', 'both'])
def test_prompts_are_what_a_user_might_give(kind: str) -> None:
    step = SimulatePrompt({kind: 1.0}, negative_prob=0.5)
    np.random.seed(0)
    negatives = 0
    for _ in range(60):
        results = step(_results())
        visible, amodal = results['gt_visible_mask'][0], results['gt_amodal_mask'][0]
        box, points, (window,) = (
            results[key] for key in ('prompt_box', 'prompt_points', 'crop_boxes')
        )
        assert (box is None) == (kind == 'points')
        assert (len(points) == 0) == (kind == 'box')
        if box is not None:  # the visible part is 14 x 20 px; each side moves by 8 % at most
            assert np.all(np.abs(box - [30, 20, 44, 40]) <= [1.13, 1.61, 1.13, 1.61])
            assert 1.2 * 16 <= window[2] - window[0] <= 1.9 * 24
        for x, y, label in points.astype(int):
            assert visible[y, x] == label
            negatives += label == 0
        assert window[2] - window[0] == window[3] - window[1]
    assert (negatives > 10) == (kind != 'box')
    del amodal


def test_validation_asks_the_same_in_every_pass() -> None:
    step = SimulatePrompt({'box': 1, 'points': 1}, deterministic=True)
    first, second = step(_results()), step(_results())
    assert first['prompt_kind'] == second['prompt_kind']
    assert np.array_equal(first['crop_boxes'], second['crop_boxes'])


def test_crops_show_picture_mask_and_prompt_alike() -> None:
    results = _results()
    results.update(
        crop_boxes=np.array([[30, 20, 50, 40]]), prompt_kind='both',
        prompt_box=np.array([30.0, 20, 44, 40]), prompt_points=np.array([[32.0, 22, 1]]),
    )  # fmt: skip
    results = CropPrompt(40)(results)
    mask = results['gt_crop_visible_mask'][0]
    assert np.array_equal(mask[::2, ::2], results['gt_visible_mask'][0, 20:40, 30:50])
    assert results['visible_share'] == 1
    assert results['crop_prompt'][0, :, :28, 0].all()
    assert not results['crop_prompt'][0, :, 28:, 0].any()
    rows, columns = np.nonzero(results['crop_prompt'][0, ..., 1])
    assert (rows.mean(), columns.mean()) == (4.5, 4.5)  # pixel 2 lies at 4 and 5 of the crop
    before = results['crop_prompt'].copy()
    packed = PackPromptInputs()(FlipObject(prob=1.0)(results))
    assert packed['inputs']['prompt'].shape == (1, 2, 40, 40)
    assert np.array_equal(packed['inputs']['prompt'][0, 1].numpy(), before[0, :, ::-1, 1])
    assert packed['data_samples'].gt_crop_masks.visible.shape == (1, 40, 40)


def test_what_a_window_leaves_out_is_known() -> None:
    results = _results()
    results.update(
        crop_boxes=np.array([[-10, 20, 44, 30]]), prompt_box=None, prompt_points=np.zeros((0, 3))
    )
    visible = results['gt_visible_mask'][0]
    share = CropPrompt((8, 32))(results)['visible_share']
    assert share == visible[20:30, :44].sum() / visible.sum()


def test_wrong_arguments_are_named() -> None:
    for arguments in (
        {'kinds': {}}, {'kinds': {'line': 1}}, {'kinds': {'box': 0}},
        {'kinds': {'box': 1}, 'box_jitter': 0.5}, {'kinds': {'box': 1}, 'enlarge': (0, 1)},
        {'kinds': {'box': 1}, 'click_scale': 0}, {'kinds': {'box': 1}, 'negative_prob': 2},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r'kinds|box_jitter|enlarge|click_scale|negative_prob'):
            SimulatePrompt(**arguments)
    clip = _results()
    clip['gt_visible_mask'] = np.repeat(clip['gt_visible_mask'], 2, axis=0)
    clip['ann_file'] = 'clips.json'
    with pytest.raises(ValueError, match='no clips'):
        SimulatePrompt({'box': 1})(clip)


def test_the_metric_counts_an_object_once_and_by_kind() -> None:
    truth = np.zeros((1, 4, 4))
    truth[0, :2] = 1
    half = truth * [1, 1, 0, 0]
    metric = PromptedIoU()

    def sample(name: str, kind: str, found: np.ndarray, score: float) -> dict:
        return {
            'sample_id': name, 'prompt_kind': kind, 'visible_share': 1.0, 'pred_score': score,
            'gt_crop_masks': {'visible': truth}, 'pred_crop_masks': {'visible': found},
        }  # fmt: skip

    metric.process({}, [sample('a', 'box', truth, 0.9), sample('b', 'points', half, 0.7)])
    metric.process({}, [sample('b', 'points', half, 0.7)])
    result = metric.compute_metrics(metric.results)
    assert result['objects'] == 2
    assert (result['iou_box'], result['iou_points'], result['iou']) == (1.0, 0.5, 0.75)
    assert result['score_error'] == pytest.approx(0.15)
