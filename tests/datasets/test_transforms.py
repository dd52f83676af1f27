"""Every step of the pipeline, by hand-made objects."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from c2fseg.datasets.transforms import (
    ChooseMaskTarget,
    CropObject,
    FlipObject,
    LoadAmodalMasks,
    LoadFrames,
    PackAmodalInputs,
    PackMaskInputs,
    PerturbVisibleMask,
)
from c2fseg.structures import encode_mask, paste_masks

SIZE = (40, 60)


def masks(left: int = 20, right: int = 30, end: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Visible columns [left, right), amodal [left, end), rows 10-25."""
    visible, amodal = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    visible[10:25, left:right] = 1
    amodal[10:25, left:end] = 1
    return visible, amodal


def coded(*frames: tuple[np.ndarray, np.ndarray], **extra) -> dict:
    return {
        'height': SIZE[0],
        'width': SIZE[1],
        'visible_segmentations': [encode_mask(visible) for visible, _ in frames],
        'amodal_segmentations': [encode_mask(amodal) for _, amodal in frames],
        'image_id': 3,
        'annotation_id': 17,
        'category_id': 1,
        'category': 'car',
        'sample_id': '3_17',
        'frame_valid': np.ones(len(frames), bool),
        'frame_counted': np.ones(len(frames), bool),
        'frame_indices': np.arange(len(frames)),
        'occlusion_rate': 0.5,
        'ann_file': 'some.json',
        'img_paths': ['a.png'] * len(frames),
        **extra,
    }


def loaded(*frames: tuple[np.ndarray, np.ndarray]) -> dict:
    results = LoadAmodalMasks()(coded(*(frames or (masks(),))))
    rng = np.random.default_rng(0)
    results['img'] = rng.integers(0, 255, (len(frames) or 1, *SIZE, 3), dtype=np.uint8)
    return results


class TestLoading:
    def test_masks(self) -> None:
        visible, amodal = masks()
        results = LoadAmodalMasks()(coded((visible, amodal)))
        assert np.array_equal(results['gt_visible_mask'], visible[None])
        assert np.array_equal(results['gt_amodal_mask'], amodal[None])
        results['visible_mask'][:] = 0
        assert results['gt_visible_mask'].any()  # another array
        assert 'img' not in results

    @pytest.mark.parametrize(
        ('change', 'error', 'words'),
        [
            ({'visible_segmentations': [encode_mask(np.zeros(SIZE))]}, ValueError, 'is empty'),
            ({'amodal_segmentations': [[]]}, ValueError, 'amodal mask is empty'),
            ({'amodal_segmentations': [[[1, 2, 3, 4]]]}, ValueError, 'no usable polygon'),
            ({'amodal_segmentations': [7]}, TypeError, 'RLE dict'),
            ({'visible_segmentations': [np.ones((4, 4))]}, ValueError, r'\[4, 4\]'),
        ],
    )
    def test_bad_masks_name_file_and_annotation(
        self, change: dict, error: type, words: str
    ) -> None:
        with pytest.raises(error, match=words) as caught:
            LoadAmodalMasks()(coded(masks(), **change))
        assert 'annotation 17 of some.json' in str(caught.value)

    def test_frames(self, kins_mini: Path) -> None:
        path = str(kins_mini / 'image_2' / '000003.png')
        results = LoadFrames()({'img_paths': [path, path], 'height': 72, 'width': 120})
        assert results['img'].shape == (2, 72, 120, 3)
        assert np.array_equal(results['img'][0], cv2.imread(path)[..., ::-1])

    def test_bad_frames_name_file_and_annotation(self, kins_mini: Path, tmp_path: Path) -> None:
        path = kins_mini / 'image_2' / '000003.png'
        with pytest.raises(ValueError, match=r'000003\.png.*\(72, 120\).*\(40, 60\)') as caught:
            LoadFrames()(coded(masks(), img_paths=[str(path)]))
        assert 'annotation 17 of some.json' in str(caught.value)
        half = tmp_path / 'half.png'
        half.write_bytes(path.read_bytes()[:5000])
        with pytest.raises(OSError, match=r'half\.png.*truncated.*annotation 17 of some\.json'):
            LoadFrames()(coded(masks(), img_paths=[str(half)]))
        with pytest.raises(FileNotFoundError, match=r'gone\.png.*annotation 17 of some\.json'):
            LoadFrames()(coded(masks(), img_paths=['gone.png']))
        with pytest.raises(ValueError, match='exif'):
            LoadFrames(exif='maybe')


class TestCropObject:
    def test_window_and_crops(self) -> None:
        results = CropObject((31, 21), enlarge=2.0)(loaded())
        # rows 10-25: centre 17, length 30, 2..32; columns 20-30: centre 25, length 20, 15..35
        assert results['crop_boxes'].tolist() == [[15, 2, 36, 33]]
        assert results['crop_size'] == (31, 21)
        assert results['ori_shape'] == SIZE
        assert np.array_equal(results['crop_img'][0], results['img'][0, 2:33, 15:36])
        for key in ('visible_mask', 'gt_visible_mask', 'gt_amodal_mask'):
            target = f'gt_crop_{key[3:]}' if key.startswith('gt') else f'crop_{key}'
            assert np.array_equal(results[target], results[key][:, 2:33, 15:36])
            assert results[target].dtype == np.uint8

    def test_no_picture_is_needed(self) -> None:
        results = loaded()
        del results['img'], results['gt_amodal_mask']
        results = CropObject(16)(results)
        assert results['crop_visible_mask'].shape == (1, 16, 16)
        assert 'crop_img' not in results
        assert 'gt_crop_amodal_mask' not in results

    def test_enlargement_is_drawn_between_its_bounds(self) -> None:
        np.random.seed(0)
        crop = CropObject(16, enlarge=(1.0, 2.0), clip=False)
        heights = [np.ptp(crop(loaded())['crop_boxes'][0, 1::2]) for _ in range(30)]
        assert min(heights) >= 15
        assert max(heights) <= 31
        assert len(set(heights)) > 4

    def test_square_keeps_the_aspect_ratio(self) -> None:
        results = CropObject(31, square=True, clip=False)(loaded())
        assert results['crop_boxes'].tolist() == [[10, 2, 41, 33]]

    @pytest.mark.parametrize('interpolation', ['nearest', 'bilinear', 'area'])
    def test_masks_stay_binary(self, interpolation: str) -> None:
        results = CropObject(50, mask_interpolation=interpolation)(loaded())
        assert set(np.unique(results['crop_visible_mask'])) == {0, 1}

    def test_nothing_visible(self) -> None:
        results = loaded()
        results['visible_mask'][:] = 0
        with pytest.raises(ValueError, match=r'annotation 17 of some\.json.*empty'):
            CropObject(16)(results)

    @pytest.mark.parametrize(
        'arguments',
        [{'enlarge': 0}, {'enlarge': (2.0, 1.0)}, {'mask_interpolation': 'cubic'}],
    )
    def test_wrong_arguments(self, arguments: dict) -> None:
        with pytest.raises(ValueError, match=r'enlarge|interpolation'):
            CropObject(16, **arguments)


def disc(radius: int = 30) -> np.ndarray:
    mask = np.zeros((1, 128, 128), np.uint8)
    cv2.circle(mask[0], (64, 64), radius, 1, -1)
    return mask


class TestPerturbVisibleMask:
    def test_only_the_input_changes(self) -> None:
        results = CropObject(64)(loaded())
        before = {key: np.copy(value) for key, value in results.items() if 'crop' in key}
        np.random.seed(1)
        results = PerturbVisibleMask(blur_prob=0, morph_prob=1, dilate_prob=1)(results)
        changed = [key for key, value in before.items() if not np.array_equal(results[key], value)]
        assert changed == ['crop_visible_mask']
        assert results['crop_visible_mask'].dtype == np.uint8

    def test_shares_of_the_three_kinds(self) -> None:
        np.random.seed(0)
        step = PerturbVisibleMask(extra_blur_prob=0.0)
        grown = shrunk = same = blurred = 0
        target = step._blur(disc()[0])
        for _ in range(1000):
            found = step({'crop_visible_mask': disc()})['crop_visible_mask'][0]
            if np.array_equal(found, disc()[0]):
                same += 1
            elif np.array_equal(found, target):
                blurred += 1
            elif found.sum() > disc().sum():
                grown += 1
            else:
                shrunk += 1
        assert same == pytest.approx(400, abs=50)
        assert blurred == pytest.approx(200, abs=40)
        assert grown == pytest.approx(220, abs=40)
        assert shrunk == pytest.approx(180, abs=40)

    def test_dilation_is_by_squares_of_the_given_sides(self) -> None:
        dot = np.zeros((1, 33, 33), np.uint8)
        dot[0, 16, 16] = 1
        step = PerturbVisibleMask(0, 1, 1, 0, morph_rounds=(2, 2), kernel_sides=(3, 3))
        found = step({'crop_visible_mask': dot})['crop_visible_mask']
        assert found.sum() == 25
        assert found[0, 14:19, 14:19].all()

    def test_a_mask_is_never_lost(self) -> None:
        dot = np.zeros((1, 32, 32), np.uint8)
        dot[0, 5, 5] = 1
        for step in (PerturbVisibleMask(1, 0), PerturbVisibleMask(0, 1, 0)):
            assert np.array_equal(step({'crop_visible_mask': dot})['crop_visible_mask'], dot)

    def test_same_seed_same_mask(self) -> None:
        step = PerturbVisibleMask(0.5, 0.5)
        runs = []
        for _ in range(2):
            np.random.seed(7)
            runs.append(
                [step({'crop_visible_mask': disc()})['crop_visible_mask'] for _ in range(5)]
            )
        assert np.array_equal(runs[0], runs[1])

    @pytest.mark.parametrize(
        'arguments',
        [
            {'blur_prob': 0.7, 'morph_prob': 0.7},
            {'dilate_prob': -0.1},
            {'morph_rounds': (0, 2)},
            {'kernel_sides': (5, 3)},
            {'blur_side': 4},
            {'blur_sigma': 0},
        ],
    )
    def test_wrong_arguments(self, arguments: dict) -> None:
        with pytest.raises(ValueError, match=r'prob|rounds|sides|blur'):
            PerturbVisibleMask(**arguments)


def test_flip_mirrors_all_crops_together() -> None:
    results = CropObject(32)(loaded(masks(), masks(30, 36)))
    before = dict(results)
    flipped = FlipObject(1.0)(dict(results))
    for key in ('crop_img', 'crop_visible_mask', 'gt_crop_visible_mask', 'gt_crop_amodal_mask'):
        assert np.array_equal(flipped[key], np.flip(before[key], axis=2))
    assert flipped['flipped']
    kept = FlipObject(0.0)(dict(results))
    assert np.array_equal(kept['crop_img'], before['crop_img'])
    assert not kept['flipped']
    with pytest.raises(ValueError, match='prob'):
        FlipObject(1.5)


def test_choose_mask_target() -> None:
    results = CropObject(32)(loaded())
    for probability, key in ((0.0, 'gt_crop_amodal_mask'), (1.0, 'gt_crop_visible_mask')):
        chosen = ChooseMaskTarget(probability)(dict(results))['target_mask']
        assert np.array_equal(chosen, results[key])
    np.random.seed(0)
    step = ChooseMaskTarget(1 / 3)
    areas = [step(dict(results))['target_mask'].sum() for _ in range(300)]
    visible = results['gt_crop_visible_mask'].sum()
    assert np.mean([area == visible for area in areas]) == pytest.approx(1 / 3, abs=0.1)


class TestPacking:
    def test_amodal_inputs(self) -> None:
        results = CropObject((32, 48))(loaded(masks(), masks(30, 36)))
        packed = PackAmodalInputs()(results)
        assert set(packed) == {'inputs', 'data_samples'}
        inputs, sample = packed['inputs'], packed['data_samples']
        assert set(inputs) == {'img', 'visible_mask'}
        assert inputs['img'].shape == (2, 3, 32, 48)
        assert inputs['img'].dtype == torch.uint8
        assert np.array_equal(inputs['img'][1, 2], results['crop_img'][1, :, :, 2])
        assert inputs['visible_mask'].shape == (2, 1, 32, 48)
        assert inputs['visible_mask'].dtype == torch.float32
        assert sample.gt_crop_masks.amodal.shape == (2, 32, 48)
        assert sample.gt_crop_masks.visible.dtype == torch.float32
        assert 'gt_masks' not in sample
        assert sample.sample_id == '3_17'
        assert sample.ori_shape == SIZE
        assert sample.crop_boxes.shape == (2, 4)
        batch = pseudo_collate([packed, packed])
        assert len(batch['inputs']['img']) == 2
        assert len(batch['data_samples']) == 2

    def test_full_masks(self) -> None:
        results = CropObject(32)(loaded())
        sample = PackAmodalInputs(pack_full_masks=True)(results)['data_samples']
        assert sample.gt_masks.amodal.shape == (1, *SIZE)
        assert sample.gt_masks.amodal.dtype == torch.bool
        assert sample.gt_masks.amodal.sum() == 15 * 20
        assert sample.gt_masks.evaluable.all()
        results['evaluable_mask'] = results['gt_amodal_mask']
        sample = PackAmodalInputs(pack_full_masks=True)(results)['data_samples']
        assert sample.gt_masks.evaluable.sum() == 15 * 20
        with pytest.raises(ValueError, match='FlipObject'):
            PackAmodalInputs(pack_full_masks=True)(FlipObject(1.0)(results))

    def test_without_ground_truth(self) -> None:
        results = loaded()
        for key in ('gt_visible_mask', 'gt_amodal_mask', 'category'):
            del results[key]
        results = CropObject(32)(results)
        with pytest.raises(KeyError, match='category'):
            PackAmodalInputs()(results)
        keys = ('sample_id', 'crop_boxes', 'ori_shape')
        sample = PackAmodalInputs(meta_keys=keys)(results)['data_samples']
        assert 'gt_crop_masks' not in sample
        assert set(sample.metainfo_keys()) == set(keys)

    def test_mask_inputs(self) -> None:
        results = ChooseMaskTarget()(CropObject(32)(loaded()))
        packed = PackMaskInputs()(results)
        assert packed['inputs']['mask'].shape == (1, 1, 32, 32)
        target = packed['data_samples'].gt_crop_masks.target
        assert target.shape == (1, 32, 32)
        assert torch.equal(target, packed['inputs']['mask'][:, 0])


@pytest.mark.parametrize('kind', ['one pixel', 'whole image', 'corner'])
@pytest.mark.parametrize('square', [True, False])
def test_extreme_objects_go_through(kind: str, square: bool) -> None:
    mask = np.zeros(SIZE, np.uint8)
    if kind == 'one pixel':
        mask[11, 7] = 1
    elif kind == 'whole image':
        mask[:] = 1
    else:
        mask[-1, -1] = 1
    results = CropObject(128, square=square)(loaded((mask, mask)))
    np.random.seed(3)
    packed = PackAmodalInputs(pack_full_masks=True)(PerturbVisibleMask()(results))
    sample = packed['data_samples']
    assert packed['inputs']['visible_mask'].any()
    pasted = paste_masks(sample.gt_crop_masks.amodal, sample.crop_boxes, SIZE)
    assert np.array_equal((pasted[0] > 0.5).numpy(), mask > 0)


def test_what_is_packed_travels_as_one_storage() -> None:
    visible, amodal = masks()
    packed = PackAmodalInputs(pack_full_masks=True)(CropObject(32)(loaded((visible, amodal))))
    sample = packed['data_samples']
    groups = (sample.gt_crop_masks, sample.gt_masks)
    tensors = {f'{i}.{k}': v for i, group in enumerate(groups) for k, v in group.items()}
    everywhere = tensors.pop('1.evaluable')
    tensors |= packed['inputs']
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors.values()}) == 1
    # What is written to one is in no other.
    before = {name: tensor.clone() for name, tensor in tensors.items() if name != '0.amodal'}
    tensors['0.amodal'].fill_(7)
    assert all(torch.equal(tensors[name], value) for name, value in before.items())
    assert everywhere.shape == (1, *SIZE)
    assert everywhere.all()
    assert everywhere.untyped_storage().nbytes() == 1
