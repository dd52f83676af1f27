"""SynthesizedOcclusion: what it hides, what it keeps, and that a seed repeats it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c2fseg.datasets import BaseAmodalDataset, SampleDraw
from c2fseg.datasets.transforms import SynthesizedOcclusion
from c2fseg.registry import DATASETS

from .photographs import LOAD, instances, write_photographs


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('photographs')
    write_photographs(folder)
    return folder


def hide(root: Path, seed: int = 0, index: int = 0, **arguments) -> tuple[dict, dict]:
    """An object before and after."""
    before, after = data_sets(root, tuple(arguments.items()))
    return before[SampleDraw(index, seed)], after[SampleDraw(index, seed)]


@cache
def data_sets(root: Path, arguments: tuple) -> tuple[BaseAmodalDataset, BaseAmodalDataset]:
    """The objects as they are, and hidden."""
    occluders = instances(root, whole={'max_contact': 0.3, 'border_margin': None})
    occlusion = {'type': 'SynthesizedOcclusion', 'occluders': occluders, **dict(arguments)}
    whole, hidden = instances(root), instances(root, pipeline=[*LOAD, occlusion])
    return DATASETS.build(whole), DATASETS.build(hidden)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32 - 1), index=st.integers(0, 1))
def test_the_truth_stays_and_what_is_visible_shrinks(root: Path, seed: int, index: int) -> None:
    before, after = hide(root, seed, index, prob=1.0, hidden_range=(0.2, 0.6))
    amodal = before['gt_amodal_mask']
    assert np.array_equal(after['gt_amodal_mask'], amodal)
    visible = after['gt_visible_mask']
    assert visible.dtype == np.uint8
    assert not (visible & ~amodal & 1).any()
    assert np.array_equal(visible, after['visible_mask'])
    rate = 1 - visible.sum() / amodal.sum()
    assert after['occlusion_rate'] == pytest.approx(rate)
    # The most is kept to the pixel but for the soft edge; the least is aimed at.
    assert rate <= 0.6 + 0.05
    # What is visible of the object and far from any seam looks as it did.
    core = visible[0].astype(bool)
    core &= ~_near(~visible[0].astype(bool) & amodal[0].astype(bool), 6)
    core &= ~_near(amodal[0] == 0, 6)
    assert np.array_equal(after['img'][0][core], before['img'][0][core])


def _near(mask: np.ndarray, reach: int) -> np.ndarray:
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel) != 0


def test_most_objects_are_hidden_by_about_what_was_asked_for(root: Path) -> None:
    rates = [
        hide(root, seed, prob=1.0, hidden_range=(0.3, 0.5), max_occluders=1)[1]['occlusion_rate']
        for seed in range(25)
    ]
    assert np.mean([0.2 < rate < 0.55 for rate in rates]) > 0.7
    assert np.std(rates) > 0.02


def test_a_seed_repeats_everything_and_another_does_not(root: Path) -> None:
    one, same, other = (hide(root, seed, prob=1.0)[1] for seed in (3, 3, 4))
    for key in ('img', 'visible_mask', 'gt_visible_mask'):
        assert np.array_equal(one[key], same[key])
    assert not np.array_equal(one['img'], other['img'])


def test_nothing_happens_with_probability_zero(root: Path) -> None:
    before, after = hide(root, prob=0.0, behind_prob=0.0)
    for key in ('img', 'visible_mask', 'gt_visible_mask', 'gt_amodal_mask'):
        assert np.array_equal(before[key], after[key])


def test_what_is_put_behind_hides_nothing(root: Path) -> None:
    before, after = hide(root, seed=5, prob=0.0, behind_prob=1.0, feather=(0.0, 0.0))
    assert np.array_equal(before['gt_visible_mask'], after['gt_visible_mask'])
    inside = before['gt_amodal_mask'][0] != 0
    assert np.array_equal(after['img'][0][inside], before['img'][0][inside])
    assert not np.array_equal(after['img'], before['img'])


def test_the_picture_of_the_data_set_is_not_written_to(root: Path) -> None:
    dataset = DATASETS.build(instances(root))
    results = dataset[0]
    image = results['img'].copy()
    occlusion = SynthesizedOcclusion(instances(root), prob=1.0)
    kept = results['img']
    occlusion.transform(results)
    assert np.array_equal(kept, image)


def test_occluders_come_from_other_pictures(root: Path) -> None:
    occluders = DATASETS.build(instances(root, indices=[0]))
    objects = DATASETS.build(instances(root))
    occlusion = SynthesizedOcclusion(occluders, prob=1.0)
    assert occlusion(objects[1])['img'] is not None
    with pytest.raises(ValueError, match='no occluder from another picture'):
        occlusion(objects[0])


def test_occluders_of_the_same_picture(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    everything = instances(tmp_path, whole={'border_margin': None, 'max_contact': 1.0})
    occlusion = SynthesizedOcclusion(everything, same_picture_prob=1.0)
    occlusion.full_init()
    results = DATASETS.build(instances(tmp_path))[0]  # object 1; its picture also shows object 2
    rng = np.random.default_rng(0)
    drawn = {occlusion._draw_index(results, rng) for _ in range(20)}
    numbers = [occlusion.occluders.get_data_info(index)['annotation_id'] for index in drawn]
    assert numbers == [2]
    # Picture 3 has a single object, so that the occluder comes from elsewhere.
    alone = DATASETS.build(instances(tmp_path))[1]
    drawn = {occlusion._draw_index(alone, rng) for _ in range(30)}
    numbers = {occlusion.occluders.get_data_info(index)['annotation_id'] for index in drawn}
    assert numbers == {1, 2, 4, 5}


def test_occluders_are_read_with_the_data_set(tmp_path: Path) -> None:
    occlusion = {'type': 'SynthesizedOcclusion', 'occluders': instances(tmp_path)}
    dataset = DATASETS.build(instances(tmp_path, pipeline=[*LOAD, occlusion], lazy_init=True))
    write_photographs(tmp_path)
    dataset.full_init()
    assert len(dataset.pipeline.transforms[-1].occluders) == 2


def test_clips_are_refused(root: Path) -> None:
    results = DATASETS.build(instances(root))[0]
    for key in ('img', 'visible_mask', 'gt_visible_mask', 'gt_amodal_mask'):
        results[key] = np.concatenate([results[key]] * 2)
    with pytest.raises(ValueError, match='a clip of 2 frames'):
        SynthesizedOcclusion(instances(root)).transform(results)


@pytest.mark.parametrize(
    'arguments',
    [
        {'prob': 1.5},
        {'same_picture_prob': -0.1},
        {'hidden_range': (0.5, 0.2)},
        {'relative_size': (0, 1)},
        {'feather': (1, 99)},
        {'colour_match': (0, 2)},
        {'max_occluders': 0},
        {'max_scale': 0},
        {'max_angle': 200},
        {'floating_weight': -1},
        {'behind_prob': 2},
    ],
)
def test_arguments_out_of_range(root: Path, arguments: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        SynthesizedOcclusion(instances(root), **arguments)
