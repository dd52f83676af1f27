"""Clips in the pipeline: windows of one scale, augmentation, packing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from c2fseg.datasets.transforms import (
    ChooseMaskTarget,
    CropObject,
    FlipObject,
    LoadAmodalMasks,
    LoadFrames,
    PackAmodalInputs,
    PackMaskInputs,
    PerturbVisibleMask,
    SampleClip,
)
from c2fseg.structures import crop_window, masks_to_boxes, paste_masks
from tests.datasets.clips import MOVING, SCALES, SIZE, clip, references


@pytest.mark.parametrize('scale', SCALES)
@pytest.mark.parametrize('square', [True, False])
@pytest.mark.parametrize('hidden', [(), (0,), (3,), (1, 2)])
def test_pasting_gives_the_mask_back(scale: str | None, square: bool, hidden: tuple) -> None:
    results = clip(*MOVING, hidden=hidden)
    crop = CropObject(96, 2.0, square, image_interpolation='nearest', track_scale=scale)(results)
    sizes = crop['crop_boxes'][:, 2:] - crop['crop_boxes'][:, :2]
    if scale:
        assert len(np.unique(sizes, axis=0)) == 1
    for key in ('visible_mask', 'gt_amodal_mask'):
        crops = crop[key.replace('gt_', 'gt_crop_') if 'gt' in key else f'crop_{key}']
        pasted = paste_masks(torch.from_numpy(crops).float(), crop['crop_boxes'], SIZE) > 0.5
        for t, (found, mask) in enumerate(zip(pasted.numpy(), crop[key] > 0)):
            if t in hidden:
                continue  # the window is a guess there, and an empty mask stays empty
            assert (found & mask).sum() / (found | mask).sum() > 0.9
    assert not crop['crop_visible_mask'][list(hidden)].any()


@pytest.mark.parametrize('scale', SCALES[1:])
def test_pasting_is_exact_at_the_size_of_the_window(scale: str) -> None:
    results = clip(*MOVING)
    x0, y0, x1, y1 = CropObject(8, track_scale=scale)(dict(results))['crop_boxes'][0]
    crop = CropObject((int(y1 - y0), int(x1 - x0)), track_scale=scale)(results)
    for key, mask in {'crop_visible_mask': 'visible_mask', 'gt_crop_amodal_mask': None}.items():
        pasted = paste_masks(torch.from_numpy(crop[key]).float(), crop['crop_boxes'], SIZE)
        assert np.array_equal(pasted.numpy(), crop[mask or 'gt_amodal_mask'])


def test_centre_keeps_the_object_in_the_middle_at_one_scale() -> None:
    crop = CropObject(64, square=True, track_scale='centre')(clip(*MOVING))
    assert (crop['crop_boxes'] < 0).any()  # the first ball is near the corner: outside is zero
    left = -int(crop['crop_boxes'][0, 0])
    assert left > 0
    side = crop['crop_boxes'][0, 2] - crop['crop_boxes'][0, 0]
    assert not crop['crop_img'][0][:, : left * 64 // side].any()
    boxes = masks_to_boxes(crop['crop_visible_mask'][:2])  # the other two touch the border
    assert np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - 32).max() <= 2
    widths = (boxes[:, 2] - boxes[:, 0]) / 64 * side
    assert widths == pytest.approx([15, 19], abs=1.5)


def published_clip(
    results: dict, size: tuple[int, int], enlarge: float, binary: bool
) -> np.ndarray:
    """The published procedure, step by step: slice, one scale for the track, pad."""
    key = 'gt_amodal_mask' if binary else 'img'
    parts = []
    for frame, visible in zip(results[key], results['visible_mask']):
        rows, cols = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
        window = []
        for line, limit in ((rows, SIZE[0]), (cols, SIZE[1])):
            start, end = line[0], line[-1] + 1
            centre, length = (start + end) // 2, int((end - start) * enlarge)
            low, high = max(0, centre - length // 2), min(limit, centre + length // 2)
            window.append(slice(low, high + 1))
        parts.append(frame[tuple(window)])
    scale_y = size[0] / max(part.shape[0] for part in parts)
    scale_x = size[1] / max(part.shape[1] for part in parts)
    clips = []
    for part in parts:
        h, w = round(part.shape[0] * scale_y), round(part.shape[1] * scale_x)
        scaled = resized(part.astype(float), h, w, nearest=binary)
        padding = [(0, size[0] - h), (0, size[1] - w)] + [(0, 0)] * (part.ndim - 2)
        clips.append(np.pad(scaled, padding))
    return np.stack(clips)


def resized(array: np.ndarray, h: int, w: int, nearest: bool) -> np.ndarray:
    """Resize with pixel centres at halves; what lies beyond the last centre repeats it."""
    for axis, length in ((0, h), (1, w)):
        source = array.shape[axis]
        place = np.clip((np.arange(length) + 0.5) * source / length - 0.5, 0, source - 1)
        if nearest:
            array = array.take(np.floor(place + 0.5).astype(int).clip(0, source - 1), axis)
            continue
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, source - 1)
        weight = (place - low).reshape(-1, *[1] * (array.ndim - 1 - axis))
        array = array.take(low, axis) * (1 - weight) + array.take(high, axis) * weight
    return array


@pytest.mark.parametrize('enlarge', [1.5, 2.0])
@pytest.mark.parametrize('size', [(128, 128), (96, 160)])
def test_corner_is_the_published_procedure(size: tuple[int, int], enlarge: float) -> None:
    results = clip(*MOVING)
    crop = CropObject(size, enlarge, track_scale='corner')(results)
    image = published_clip(results, size, enlarge, binary=False)
    assert np.abs(crop['crop_img'].astype(float) - image).max() <= 1.01  # OpenCV rounds
    mask = published_clip(results, size, enlarge, binary=True)
    assert np.array_equal(crop['gt_crop_amodal_mask'], mask)
    # Padded to the right and below, in the frames that need it.
    own = [crop_window(box, enlarge, SIZE) for box in masks_to_boxes(results['visible_mask'])]
    assert np.array_equal(crop['crop_boxes'][:, :2], np.stack(own)[:, :2])
    shares = [
        (1 - np.ptp(window[1::2]) / np.ptp(box[1::2]), 1 - np.ptp(window[::2]) / np.ptp(box[::2]))
        for window, box in zip(own, crop['crop_boxes'])
    ]
    assert max(max(share) for share in shares) > 0.2
    for picture, (below, right) in zip(crop['crop_img'], shares):
        filled = masks_to_boxes(picture.any(axis=-1))
        assert filled[:2].tolist() == [0, 0]
        assert filled[2] == pytest.approx(size[1] * (1 - right), abs=0.51)
        assert filled[3] == pytest.approx(size[0] * (1 - below), abs=0.51)


def test_windows_come_from_the_visible_masks_alone() -> None:
    for scale in SCALES:
        first, second = clip(*MOVING, hidden=(2,)), clip(*MOVING, hidden=(2,))
        second['gt_amodal_mask'][:] = 1
        second['gt_visible_mask'][:] = 1
        crop = CropObject(32, track_scale=scale)
        assert np.array_equal(crop(first)['crop_boxes'], crop(second)['crop_boxes'])


def test_frames_keep_their_order_and_one_draw_serves_all() -> None:
    for scale in SCALES:
        results = clip(*MOVING)
        backwards = {
            key: value[::-1] if isinstance(value, np.ndarray) else value
            for key, value in results.items()
        }
        crop = CropObject(40, (1.2, 2.5), track_scale=scale)
        np.random.seed(5)
        forward = crop(results)
        np.random.seed(5)
        found = crop(backwards)
        for key in ('crop_img', 'crop_visible_mask', 'gt_crop_amodal_mask', 'crop_boxes'):
            assert np.array_equal(found[key][::-1], forward[key])
        np.random.seed(5)
        factor = np.random.uniform(1.2, 2.5)
        box = masks_to_boxes(results['visible_mask'])[3]
        own = crop_window(box, factor, SIZE, clip=scale != 'centre')
        if scale is None:
            assert np.array_equal(forward['crop_boxes'][3], own)


@pytest.mark.parametrize('scale', SCALES)
def test_a_clip_of_one_frame_is_cropped_like_a_picture(scale: str | None) -> None:
    results = clip(MOVING[3])
    found = CropObject(50, 2.0, track_scale=scale)(dict(results))
    picture = CropObject(50, 2.0, clip=scale != 'centre')(dict(results))
    for key in ('crop_img', 'crop_visible_mask', 'gt_crop_amodal_mask', 'crop_boxes'):
        assert np.array_equal(found[key], picture[key])


@pytest.mark.parametrize('scale', SCALES)
def test_hidden_ends_and_a_clip_without_any_visible_pixel(scale: str | None) -> None:
    crop = CropObject(32, track_scale=scale)
    boxes = crop(clip(*MOVING, hidden=(0, 3)))['crop_boxes']
    assert np.array_equal(boxes[0], boxes[1])
    assert np.array_equal(boxes[3], boxes[2])
    with pytest.raises(ValueError, match=r'annotation 4 of list\.txt.*empty'):
        crop(clip(*MOVING, hidden=(0, 1, 2, 3)))


def test_bool_masks_come_out_as_uint8() -> None:
    results = clip(*MOVING)
    results['visible_mask'] = results['visible_mask'] > 0
    assert CropObject(32)(results)['crop_visible_mask'].dtype == np.uint8


def test_track_scale_is_one_of_three() -> None:
    with pytest.raises(ValueError, match=r"track_scale is one of .*'centre'.*got True"):
        CropObject(32, track_scale=True)


def cropped(**kwargs: Any) -> dict[str, Any]:
    return CropObject(48, track_scale='centre')(clip(*MOVING, **kwargs))


def test_an_empty_frame_stays_empty_whatever_happens() -> None:
    np.random.seed(0)
    for step in (PerturbVisibleMask(1, 0), PerturbVisibleMask(0, 1, 1), PerturbVisibleMask(0, 1)):
        for _ in range(5):
            results = step(cropped(hidden=(1, 3)))
            filled = results['crop_visible_mask'].any(axis=(1, 2))
            assert filled.tolist() == [True, False, True, False]


def test_all_frames_of_a_clip_are_mirrored_or_none() -> None:
    before = cropped(hidden=(1,))
    np.random.seed(0)
    outcomes = set()
    for _ in range(20):
        after = FlipObject(0.5)(dict(before))
        outcomes.add(after['flipped'])
        for key in ('crop_img', 'crop_visible_mask', 'gt_crop_amodal_mask'):
            expected = before[key][:, :, ::-1] if after['flipped'] else before[key]
            assert np.array_equal(after[key], expected)
        assert np.array_equal(after['crop_boxes'], before['crop_boxes'])
    assert outcomes == {True, False}


def test_the_target_of_a_frame_is_empty_only_where_both_masks_are() -> None:
    before = cropped(hidden=(0, 2))
    before['gt_crop_amodal_mask'][2] = 0  # out of view
    before['gt_crop_amodal_mask'][3] = 0  # a visible mask without an amodal one
    visible = ChooseMaskTarget(1.0)(dict(before))['target_mask']
    amodal = ChooseMaskTarget(0.0)(dict(before))['target_mask']
    assert np.array_equal(visible[0], before['gt_crop_amodal_mask'][0])
    assert np.array_equal(visible[1], before['gt_crop_visible_mask'][1])
    assert np.array_equal(amodal[1], before['gt_crop_amodal_mask'][1])
    assert np.array_equal(amodal[3], before['gt_crop_visible_mask'][3])
    for target in (visible, amodal):
        assert target.any(axis=(1, 2)).tolist() == [True, True, False, True]
        assert target.dtype == np.uint8


def test_packed_clips_say_which_frames_count() -> None:
    results = cropped(hidden=(1,))
    results['frame_counted'] = np.array([True, False, True, True])
    results['evaluable_mask'] = np.zeros((4, *SIZE), np.uint8)
    results['evaluable_mask'][2, :, :10] = 1
    packed = PackAmodalInputs(pack_full_masks=True)(ChooseMaskTarget()(results))
    sample = packed['data_samples']
    assert packed['inputs']['img'].shape == (4, 3, 48, 48)
    assert packed['inputs']['visible_mask'].shape == (4, 1, 48, 48)
    assert sample.frame_counted.tolist() == [True, False, True, True]
    assert sample.frame_indices.tolist() == [100, 101, 102, 103]
    assert sample.frame_valid.all()
    assert sample.gt_masks.evaluable.shape == (4, *SIZE)
    assert sample.gt_masks.evaluable.sum(dim=(1, 2)).tolist() == [0, 0, 480, 0]
    assert not sample.gt_masks.visible[1].any()
    mask_sample = PackMaskInputs()(results)['data_samples']
    assert mask_sample.frame_counted.tolist() == [True, False, True, True]
    assert mask_sample.gt_crop_masks.target.shape == (4, 48, 48)


def test_the_same_seed_gives_the_same_clip(tmp_path: Path) -> None:
    steps = [
        SampleClip(2, interval=(1, 2)),
        LoadFrames(),
        LoadAmodalMasks(),
        CropObject(32, (1.5, 3.0), True, track_scale='centre'),
        PerturbVisibleMask(0.4, 0.4),
        FlipObject(),
        PackAmodalInputs(),
    ]

    def run(seed: int) -> dict:
        np.random.seed(seed)
        results = references(tmp_path)
        for step in steps:
            results = step(results)
        return results

    first, again = run(3), run(3)
    for key in ('img', 'visible_mask'):
        assert torch.equal(first['inputs'][key], again['inputs'][key])
    assert np.array_equal(first['data_samples'].crop_boxes, again['data_samples'].crop_boxes)
    windows = [run(seed)['data_samples'].crop_boxes.tolist() for seed in range(5)]
    assert len({str(window) for window in windows}) > 1
