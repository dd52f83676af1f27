"""The inferencer: forms of input, order, batching, seeds, bad input, pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from c2fseg.apis import AmodalInferencer, init_model
from c2fseg.apis.inputs import list_images
from c2fseg.structures import encode_mask

from .conftest import SIZE


def masks_of(results: dict, name: str = 'amodal_mask') -> list[np.ndarray]:
    return [o[name] for p in results['predictions'] for o in p['objects'] if name in o]


def same(first: dict, second: dict) -> bool:
    names = ('visible_mask', 'coarse_mask', 'amodal_mask')
    pairs = [p for n in names for p in zip(masks_of(first, n), masks_of(second, n), strict=True)]
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.fixture(scope='session')
def hull() -> AmodalInferencer:
    return AmodalInferencer('trivial_hull_shapes', device='cpu')


def test_result_of_an_object(inferencer, scene):
    results = inferencer(scene.paths[0], scene.masks[0])
    (prediction,) = results['predictions']
    assert prediction['image'] == scene.paths[0]
    assert prediction['size'] == SIZE
    assert results['visualization'] == []
    for mask, item in zip(scene.masks[0], prediction['objects'], strict=True):
        assert (item['visible_mask'] == mask).all()
        for name in ('visible', 'coarse', 'amodal'):
            array = item[f'{name}_mask']
            assert array.shape == SIZE
            assert array.dtype == bool
            decoded = coco_mask.decode(item[f'{name}_rle'])
            assert (decoded == array).all()
        assert 0 <= item['score'] <= 1
        union = (item['amodal_mask'] | mask).sum()
        assert item['occlusion_rate'] == pytest.approx(1 - mask.sum() / union)
        json.dumps({key: value for key, value in item.items() if not key.endswith('_mask')})


def test_hull_by_hand(hull):
    mask = np.zeros((2, *SIZE), bool)
    mask[0, 10:20, 10:20] = mask[0, 10:20, 30:40] = True
    mask[1, 5, 7] = True
    image = np.zeros((*SIZE, 3), np.uint8)
    first, second = hull(image, mask)['predictions'][0]['objects']
    expected = np.zeros(SIZE, bool)
    expected[10:20, 10:40] = True
    assert (first['amodal_mask'] == expected).all()
    assert first['box'] == [10, 10, 40, 20]
    assert first['occlusion_rate'] == pytest.approx(1 - 200 / 300)
    assert 'coarse_mask' not in first
    assert second['amodal_mask'].sum() == 1


@pytest.mark.parametrize('batch_size', [1, 4, 100])
def test_batching_changes_nothing(inferencer, scene, batch_size):
    reference = inferencer(scene.paths, scene.masks, batch_size=2, progress=False)
    other = inferencer(scene.paths, scene.masks, batch_size=batch_size, progress=False)
    assert same(reference, other)
    alone = [inferencer(p, m)['predictions'][0] for p, m in zip(scene.paths, scene.masks)]
    assert same(reference, {'predictions': alone})


def test_seed_decides(inferencer, scene):
    first = inferencer(scene.paths[0], scene.masks[0], seed=1)
    torch.manual_seed(123)
    assert same(first, inferencer(scene.paths[0], scene.masks[0], seed=1))
    assert not same(first, inferencer(scene.paths[0], scene.masks[0], seed=2))
    assert inferencer.model.test_cfg.seed == inferencer.model.cfg.model.test_cfg.seed


def test_order_is_kept(hull, scene):
    order = [2, 0, 1]
    results = hull(
        [scene.paths[i] for i in order], [scene.masks[i][::-1] for i in order], batch_size=4
    )
    for position, prediction in zip(order, results['predictions'], strict=True):
        assert prediction['image'] == scene.paths[position]
        for mask, item in zip(scene.masks[position][::-1], prediction['objects'], strict=True):
            assert (item['visible_mask'] == mask).all()


def test_forms_of_pictures(hull, scene):
    expected = hull(scene.paths, scene.masks)
    folder = str(scene.folder)
    for images in (folder, f'{folder}/*.png', scene.images, [*scene.images], [Path(folder)]):
        assert same(hull(images, scene.masks), expected)


def test_forms_of_masks(hull, scene):
    image, masks = scene.paths[0], scene.masks[0]
    expected = hull(image, masks)
    uncompressed = [{'size': list(SIZE), 'counts': [int(c) for c in _runs(mask)]} for mask in masks]
    forms = [
        list(masks),
        masks.astype(np.uint8) * 255,
        [encode_mask(mask) for mask in masks],
        uncompressed,
        [masks],
        [list(masks)],
        [torch.from_numpy(mask) for mask in masks],
    ]
    for form in forms:
        assert same(hull(image, form), expected)
    one = hull(image, masks[0])
    assert np.array_equal(masks_of(one)[0], masks_of(expected)[0])
    assert hull(image, [])['predictions'][0]['objects'] == []


def _runs(mask: np.ndarray) -> list[int]:
    """Column-major run lengths, zeros first."""
    flat = mask.astype(np.uint8).flatten(order='F')
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [1 - flat[-1]]])))
    return np.diff(np.concatenate([[0], edges])).tolist()


def mask_files(scene) -> dict[str, object]:
    """The objects of the scene in the kinds of file that are read."""
    objects = [(i, mask) for i, masks in enumerate(scene.masks) for mask in masks]
    images = [
        {'id': 10 + i, 'file_name': f'{i:06d}.png', 'height': SIZE[0], 'width': SIZE[1]}
        for i in range(3)
    ]
    whole = encode_mask(np.ones(SIZE, bool))

    def annotations(*keys: str) -> dict:
        return {
            'images': images,
            'categories': [{'id': 4, 'name': 'car'}],
            'annotations': [
                {'id': n, 'image_id': 10 + i, 'category_id': 4, keys[0]: encode_mask(mask)}
                | dict.fromkeys(keys[1:], whole)
                for n, (i, mask) in enumerate(objects)
            ],
        }

    results = [{'image_id': i, 'segmentation': encode_mask(mask)} for i, mask in objects]
    return {
        'KINS 2020': annotations('i_segm', 'a_segm'),
        'KINS v1': annotations('inmodal_seg', 'segmentation'),
        'COCO amodal': annotations('visible_mask', 'segmentation'),
        'COCO': annotations('segmentation'),
        'results': results,
    }


@pytest.mark.parametrize('kind', ['KINS 2020', 'KINS v1', 'COCO amodal', 'COCO', 'results'])
def test_mask_files(hull, scene, tmp_path, kind):
    path = tmp_path / 'masks.json'
    path.write_text(json.dumps(mask_files(scene)[kind]))
    results = hull(scene.paths, str(path))
    assert same(results, hull(scene.paths, scene.masks))
    item = results['predictions'][1]['objects'][0]
    assert item.get('category') == (None if kind == 'results' else 'car')
    assert item.get('annotation_id') == (None if kind == 'results' else 3)


@pytest.mark.parametrize(
    ('content', 'error', 'words'),
    [
        (None, FileNotFoundError, 'No mask file'),
        ('{', ValueError, 'not JSON'),
        ('3', TypeError, 'expected a dict'),
        ('{"images": []}', KeyError, '"annotations" is missing'),
        ('[{"image_id": 0}]', KeyError, 'none of i_segm'),
        ('[{"segmentation": []}]', KeyError, '"image_id" is missing'),
        ('[]', KeyError, 'has no picture'),
    ],
)
def test_bad_mask_files(hull, scene, tmp_path, content, error, words):
    path = tmp_path / 'masks.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=words):
        hull(scene.paths[0], path)


def test_mask_file_for_pictures_of_another_size(hull, scene, tmp_path):
    content = mask_files(scene)['KINS 2020']
    content['images'][0]['height'] = 61
    path = tmp_path / 'masks.json'
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'Object 0 of .*annotation 0.*\(61, 80\)'):
        hull(scene.paths, path)


BAD_MASKS = {
    'another size': (np.ones((5, 6), bool), ValueError, r'size'),
    'empty': (np.zeros(SIZE, bool), ValueError, 'visible mask is empty'),
    'RLE of another size': (encode_mask(np.ones((5, 6), bool)), ValueError, 'size'),
    'polygon of two points': ([[1, 1, 5, 5]], ValueError, 'polygon'),
    'no mask': ('mask', TypeError, 'RLE dict'),
}


@pytest.mark.parametrize('kind', BAD_MASKS)
def test_bad_mask_is_raised_or_recorded(hull, scene, kind):
    bad, error, words = BAD_MASKS[kind]
    masks = [[*scene.masks[0], bad], scene.masks[1], scene.masks[2]]
    with pytest.raises(error, match=words) as caught:
        hull(scene.paths, masks)
    assert f'Object 3 of {scene.paths[0]}' in str(caught.value)
    results = hull(scene.paths, masks, on_error='skip', batch_size=2)
    objects = results['predictions'][0]['objects']
    assert 'Object 3' in objects[3].pop('error')
    assert objects.pop(3) == {}
    assert same(results, hull(scene.paths, scene.masks))


@pytest.mark.parametrize(
    ('kind', 'error'), [('absent', FileNotFoundError), ('truncated', OSError), ('text', OSError)]
)
def test_bad_picture_is_raised_or_recorded(hull, scene, tmp_path, kind, error):
    path = Path(scene.paths[1])
    data = path.read_bytes()
    path.unlink()
    if kind != 'absent':
        path.write_bytes(data[:200] if kind == 'truncated' else b'no picture')
    with pytest.raises(error, match=r'000001\.png'):
        hull(scene.paths, scene.masks)
    results = hull(scene.paths, scene.masks, on_error='skip', out_dir=tmp_path / 'out')
    first, bad, last = results['predictions']
    assert '000001.png' in bad['error']
    assert bad['objects'] == []
    assert len(first['objects']) == 3
    assert len(last['objects']) == 2
    drawn = [path and Path(path).name for path in results['visualization']]
    assert drawn == ['000000.png', None, '000002.png']


@pytest.mark.parametrize(
    ('images', 'masks', 'error', 'words'),
    [
        ('nowhere/*.png', [], FileNotFoundError, 'No file fits'),
        (3.5, [], TypeError, 'images is a path'),
        ([3], [], TypeError, 'A picture is a path or an array'),
        (np.zeros((4, 4), np.uint8), [], ValueError, r'expected \(H, W, 3\)'),
        (np.zeros((4, 4, 3)), [], TypeError, 'uint8'),
        ([np.zeros((4, 4, 3), np.uint8)] * 2, [[]], ValueError, '1 entries for 2 pictures'),
        ([np.zeros((4, 4, 3), np.uint8)], 3, TypeError, 'visible_masks: expected'),
        (np.zeros((4, 4, 3), np.uint8), np.zeros(4), TypeError, r'shape \(4,\)'),
    ],
)
def test_bad_arguments(hull, images, masks, error, words):
    with pytest.raises(error, match=words):
        hull(images, masks)


def test_bad_options(hull, scene):
    with pytest.raises(ValueError, match='batch_size'):
        hull(scene.paths, scene.masks, batch_size=0)
    with pytest.raises(ValueError, match='on_error'):
        hull(scene.paths, scene.masks, on_error='ignore')


def test_folder_without_pictures(hull, tmp_path):
    with pytest.raises(FileNotFoundError, match='No picture in folder'):
        hull(str(tmp_path), [])


def test_pictures_by_option(inferencer, scene, tmp_path):
    out = tmp_path / 'out'
    images = [scene.paths[0], scene.images[1], scene.paths[0]]
    masks = [scene.masks[0], scene.masks[1], []]
    results = inferencer(images, masks, out_dir=out, batch_size=3)
    names = ['000000.png', 'image_1.png', '000000_2.png']
    assert [Path(path).name for path in results['visualization']] == names
    assert sorted(path.name for path in (out / 'visualizations').iterdir()) == sorted(names)
    assert all(cv2.imread(path) is not None for path in results['visualization'])


def test_arrays_and_post_processing_are_options(inferencer, scene):
    lean = inferencer(scene.paths[0], scene.masks[0], return_arrays=False)
    assert not any(key.endswith('_mask') for key in lean['predictions'][0]['objects'][0])
    post = inferencer(scene.paths[0], scene.masks[0], post_process=True)
    raw = inferencer(scene.paths[0], scene.masks[0])
    for mask, one, other in zip(scene.masks[0], masks_of(post), masks_of(raw), strict=True):
        assert (one == (other | mask)).all()


def test_crops_are_those_of_the_test_pipeline(model, scene):
    cfg = model.cfg.copy()
    inferencer = AmodalInferencer(model)
    packed = inferencer.pipeline(scene.images[0], scene.masks[0][0].astype(np.uint8), 'a', 'b')
    steps = [dict(step) for step in cfg.test_dataloader.dataset.pipeline]
    crop = next(step for step in steps if step['type'] == 'CropObject')
    h = w = crop['crop_size']
    assert packed['inputs']['img'].shape == (1, 3, h, w)
    assert packed['inputs']['img'].dtype == torch.uint8
    assert 'gt_masks' not in packed['data_samples']


def test_config_without_crops_is_refused():
    cfg = init_model('trivial_hull_shapes').cfg.copy()
    cfg.test_dataloader.dataset.pipeline = [dict(type='LoadFrames')]
    with pytest.raises(ValueError, match='no CropObject'):
        AmodalInferencer(cfg)
    cfg.pop('test_dataloader')
    with pytest.raises(KeyError, match=r'no test_dataloader\.dataset\.pipeline'):
        AmodalInferencer(cfg)


@pytest.mark.parametrize(
    ('change', 'kind', 'words'),
    [
        (lambda m: np.where(m, 0.9, 0.2), ValueError, r'mask > 0\.5'),
        (lambda m: np.where(m, np.nan, 0.0), ValueError, 'NaN'),
        (lambda m: np.maximum(2 * m, np.arange(SIZE[1]) < 3), ValueError, 'label map'),
        (lambda m: m.astype(str), TypeError, 'bool or numbers'),
        (lambda m: m.astype(complex), TypeError, 'bool or numbers'),
    ],
)
def test_values_that_do_not_say_what_belongs_to_the_object(inferencer, scene, change, kind, words):
    with pytest.raises(kind, match=f'Object 0 of image_0.*{words}'):
        inferencer(scene.images[0], change(scene.masks[0][0]))


def test_kinds_of_arrays_that_say_the_same(inferencer, scene):
    mask = scene.masks[0][0]
    reference = inferencer(scene.images[0], mask)
    for kind in (np.uint8(1), np.uint8(255), np.float32(1), np.float16(1), np.int64(7)):
        assert same(reference, inferencer(scene.images[0], mask * kind))
    tensor = torch.from_numpy(mask)
    for given in (tensor, tensor[None], [tensor], (tensor,), [tensor[None]]):
        assert same(reference, inferencer(scene.images[0], given))
    assert same(reference, inferencer([scene.images[0]], tensor[None]))


def test_arguments_of_a_wrong_kind(inferencer, scene):
    for batch_size in (0, 2.5, '4', None):
        with pytest.raises(ValueError, match='batch_size must be a whole number'):
            inferencer(scene.images[0], scene.masks[0], batch_size=batch_size)
    for seed in (None, 'a'):
        with pytest.raises(TypeError, match='seed must be a whole number'):
            inferencer(scene.images[0], scene.masks[0], seed=seed)


def test_folder_that_cannot_be_written_is_named_before_the_work(hull, scene, tmp_path):
    taken = tmp_path / 'taken'
    taken.write_text('')
    for folder in (taken, taken / 'below'):
        with pytest.raises(OSError, match=r'cannot be written to the folder .*taken'):
            hull('absent.png', scene.masks[0], out_dir=folder)
    assert taken.read_text() == ''


def test_pictures_of_folders_in_a_folder_and_of_a_list(hull, scene, tmp_path):
    deep = scene.folder / 'deep' / 'er'
    deep.mkdir(parents=True)
    Path(scene.paths[2]).rename(deep / '000002.png')
    (scene.folder / '.hidden').mkdir()
    cv2.imwrite(str(scene.folder / '.hidden' / 'a.png'), scene.images[0])
    names = [scene.paths[0], scene.paths[1], str(deep / '000002.png')]

    def found(images, **options) -> list[str]:
        count = len(list_images(images, **options)[0])
        predictions = hull(images, [[]] * count, progress=False, **options)['predictions']
        return [one['image'] for one in predictions]

    assert found(scene.folder) == names[:2]
    assert found(scene.folder, recursive=True) == names
    listed = tmp_path / 'pictures.txt'
    listed.write_text('# from the camera\n\n' + '\n'.join(names[::-1]) + '\n')
    assert found(listed) == names[::-1]
    listed.write_text('# none\n')
    with pytest.raises(FileNotFoundError, match='names no picture'):
        found(listed)
    with pytest.raises(FileNotFoundError, match='recursive=True looks into its folders'):
        hull(scene.folder / 'deep', [])


def test_several_guesses_go_through_to_the_files(inferencer, scene, tmp_path):
    results = inferencer(
        scene.paths[0], scene.masks[0], num_hypotheses=3, out_dir=tmp_path, save=('masks', 'json')
    )
    objects = results['predictions'][0]['objects']
    written = json.loads((tmp_path / 'predictions.json').read_text())
    assert len(written) == len(objects) == 3
    for item, entry in zip(objects, written, strict=True):
        assert len(item['hypotheses']) >= 1
        assert sum(one['score'] for one in item['hypotheses']) == pytest.approx(1)
        assert entry['uncertainty'] == item['uncertainty']
        for one, kept in zip(item['hypotheses'], entry['hypotheses'], strict=True):
            assert kept == {'segmentation': one['amodal_rle'], 'score': one['score']}
    path = tmp_path / 'masks' / '000000' / '000_hypothesis_0.png'
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0
    assert (mask == objects[0]['hypotheses'][0]['amodal_mask']).all()
    again = inferencer(scene.paths[0], scene.masks[0])['predictions'][0]['objects'][0]
    assert 'hypotheses' not in again


def test_a_webcam_goes_the_way_of_videos(hull, monkeypatch):
    asked = []

    def complete_video(video, *rest, **options):
        asked.append(video)
        return {'out': None}

    monkeypatch.setattr(hull, 'complete_video', complete_video)
    for camera in (0, 'webcam:1'):
        assert hull(camera, [])['visualization'] == []
    assert asked == [0, 'webcam:1']
    with pytest.raises(ValueError, match='max_frames is for videos'):
        hull('a.png', [], max_frames=3)
    with pytest.raises(ValueError, match='leave them out for a video'):
        hull(0, [], shard=(0, 2))
