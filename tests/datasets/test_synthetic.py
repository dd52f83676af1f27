"""The built-in data set: exact bytes, the KINS format, and what a scene promises."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from c2fseg.datasets.synthetic import (
    FAMILIES,
    generate_samples,
    generate_shapes,
    make_scene,
    split_families,
)
from c2fseg.datasets.synthetic.annotations import annotate_scene, depth_order
from c2fseg.datasets.synthetic.scene import MAX_HIDDEN, MIN_VISIBLE_AREA, paste

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {'train': 16, 'val': 6, 'test': 6, 'test_unseen': 6}
KINS_KEYS = {
    'id',
    'image_id',
    'category_id',
    'a_segm',
    'a_bbox',
    'i_segm',
    'i_bbox',
    'area',
    'iscrowd',
    'oco_id',
    'ico_id',
}


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def load(root: Path, split: str) -> dict:
    return json.loads((root / 'annotations' / f'shapes_{split}.json').read_text())


@pytest.fixture(scope='module')
def shapes(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('shapes')
    written = generate_shapes(root, COUNTS, seed=3, workers=1, progress=False)
    assert list(written) == list(COUNTS)
    return root


# ---- scenes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_visible_is_amodal_minus_everything_nearer(seed):
    scene = make_scene(np.random.default_rng(seed), split_families('train'))
    height, width = scene.image.shape[:2]
    assert scene.image.dtype == np.uint8
    assert 2 <= len(scene.objects) <= 7
    nearer = np.zeros((height, width), bool)
    for item in reversed(scene.objects):
        assert item.amodal.shape == (height, width)
        np.testing.assert_array_equal(item.visible, item.amodal & ~nearer)
        nearer |= item.amodal
        visible, amodal = np.count_nonzero(item.visible), np.count_nonzero(item.amodal)
        assert visible >= max(MIN_VISIBLE_AREA, (1 - MAX_HIDDEN) * amodal)
        np.testing.assert_array_equal(
            item.amodal, paste(item.patch.mask, item.corner, height, width)
        )


def test_make_scene_is_a_function_of_its_generator():
    families = split_families('train')
    scenes = [make_scene(np.random.default_rng([1, 2, i]), families) for i in (3, 3, 4)]
    np.testing.assert_array_equal(scenes[0].image, scenes[1].image)
    assert scenes[0].image.shape != scenes[2].image.shape or np.any(
        scenes[0].image != scenes[2].image
    )


def test_occluder_and_occluded_differ_in_colour():
    gaps = []
    for seed in range(12):
        scene = make_scene(np.random.default_rng(seed), split_families('train'))
        for i, item in enumerate(scene.objects):
            for other in scene.objects[i + 1 :]:
                if np.any(item.amodal & other.amodal) and np.any(other.visible):
                    colours = [scene.image[one.visible].mean(axis=0) for one in (item, other)]
                    gaps.append(np.linalg.norm(colours[0] - colours[1]))
    assert np.median(gaps) > 70
    assert np.percentile(gaps, 10) > 30


# ---- depth order and annotations


def square(left: int, right: int) -> np.ndarray:
    mask = np.zeros((4, 12), bool)
    mask[:, left:right] = True
    return mask


def test_depth_order_of_a_stack_and_a_single():
    # Farthest first: 0 is under 1, 1 is under 2; 3 touches nothing; 4 lies on 0 alone.
    masks = [square(0, 4), square(2, 6), square(5, 8), square(10, 12), square(0, 1)]
    clusters, orders = depth_order(masks)
    assert clusters == [0, 0, 0, 1, 0]
    assert orders == [3, 2, 1, 0, 1]
    assert depth_order([]) == ([], [])


def test_depth_order_joins_clusters_through_a_third_object():
    clusters, orders = depth_order([square(0, 3), square(6, 9), square(2, 7)])
    assert clusters == [0, 0, 0]
    assert orders == [2, 2, 1]


def test_annotations_alone_give_the_depth_order_back(shapes):
    for split in COUNTS:
        content = load(shapes, split)
        for image in content['images']:
            objects = [a for a in content['annotations'] if a['image_id'] == image['id']]
            masks = [coco_mask.decode(a['a_segm']).astype(bool) for a in objects]
            for item, amodal in zip(objects, masks):
                visible = amodal.copy()
                for other, mask in zip(objects, masks):
                    same = other['oco_id'] == item['oco_id']
                    if same and other['ico_id'] < item['ico_id']:
                        visible &= ~mask
                np.testing.assert_array_equal(visible, coco_mask.decode(item['i_segm']) > 0)


def test_a_hole_survives_in_the_annotation():
    for seed in range(8):
        scene = make_scene(np.random.default_rng(seed), ['gear'])
        entry = annotate_scene(scene)[-1]
        mask = coco_mask.decode(entry['a_segm'])
        np.testing.assert_array_equal(mask > 0, scene.objects[-1].amodal)
        _, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        assert any(parent >= 0 for parent in tree[0][:, 3]), 'a gear has a hole'


# ---- files


def test_files_have_the_kins_layout(shapes):
    for split, count in COUNTS.items():
        content = load(shapes, split)
        assert set(content) == {'images', 'annotations', 'categories'}
        assert len(content['images']) == count
        assert [c['id'] for c in content['categories']] == list(range(1, len(FAMILIES) + 1))
        ids = [a['id'] for a in content['annotations']]
        assert len(set(ids)) == len(ids)
        images = {image['id']: image for image in content['images']}
        for image in images.values():
            picture = cv2.imread(str(shapes / split / image['file_name']))
            assert picture.shape == (image['height'], image['width'], 3)
            assert 224 <= image['height'] <= 256
            assert 304 <= image['width'] <= 336
        for item in content['annotations']:
            assert set(item) == KINS_KEYS
            image = images[item['image_id']]
            for kind in ('a', 'i'):
                rle = item[f'{kind}_segm']
                assert rle['size'] == [image['height'], image['width']]
                assert item[f'{kind}_bbox'] == coco_mask.toBbox(rle).tolist()
            assert item['area'] == coco_mask.area(item['a_segm'])


def test_enough_objects_are_partly_hidden_in_every_split(shapes):
    for split in COUNTS:
        content = load(shapes, split)
        hidden = np.array(
            [
                1 - coco_mask.area(a['i_segm']) / coco_mask.area(a['a_segm'])
                for a in content['annotations']
            ]
        )
        assert np.mean((hidden >= 0.1) & (hidden <= 0.95)) >= 0.4, split
        assert hidden.max() <= 0.95


def test_reserved_families_are_in_test_unseen_alone(shapes):
    for split in COUNTS:
        content = load(shapes, split)
        names = {c['id']: c['name'] for c in content['categories']}
        found = {names[a['category_id']] for a in content['annotations']}
        assert found <= set(split_families(split))
        assert (split == 'test_unseen') == bool(found & set(split_families('test_unseen')))


def test_splits_share_no_picture(shapes):
    digests = [d for name, d in digest(shapes).items() if name.endswith('.png')]
    assert len(digests) == sum(COUNTS.values())
    assert len(set(digests)) == len(digests)


def test_same_seed_same_bytes_with_other_workers_and_counts(shapes, tmp_path):
    counts = {'train': 9, 'val': 6}
    generate_shapes(tmp_path, counts, seed=3, workers=2, progress=False)
    first, second = digest(shapes), digest(tmp_path)
    pictures = [name for name in second if name.endswith('.png')]
    assert len(pictures) == 15
    assert all(first[name] == second[name] for name in pictures)
    assert first['annotations/shapes_val.json'] == second['annotations/shapes_val.json']


def test_other_seeds_give_other_data(shapes, tmp_path):
    generate_shapes(tmp_path, {'val': 2}, seed=4, workers=1, progress=False)
    first, second = digest(shapes), digest(tmp_path)
    assert all(first[name] != second[name] for name in second)


def test_a_run_that_fails_leaves_no_annotation_file(shapes, tmp_path, monkeypatch):
    counts = {'val': 3}
    target = generate_shapes(tmp_path, counts, workers=1, progress=False)['val']

    def fail(*args: object) -> None:
        raise OSError('no space left')

    monkeypatch.setattr('c2fseg.datasets.synthetic.writer.make_scene', fail)
    with pytest.raises(OSError, match='no space left'):
        generate_shapes(tmp_path, counts, workers=1, progress=False)
    assert not target.exists()
    assert not list(tmp_path.rglob('*.part'))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'counts': {'training': 1}}, "unknown split 'training'"),
        ({'counts': {'train': -1}}, 'number of train images .* got -1'),
        ({'counts': {'train': 1.5}}, 'number of train images .* got 1.5'),
        ({'counts': {'train': 0}}, 'no images wanted'),
        ({'counts': {'train': 1}, 'seed': -1}, 'seed must be .* got -1'),
        ({'counts': {'train': 1}, 'workers': 0}, 'workers must be .* got 0'),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_shapes(tmp_path / 'out', **arguments)
    assert not (tmp_path / 'out').exists()


def test_output_folder_that_is_a_file(tmp_path):
    (tmp_path / 'out').write_text('')
    with pytest.raises(NotADirectoryError, match='name a folder'):
        generate_shapes(tmp_path / 'out', {'val': 1})


def test_command_line_says_one_sentence_on_bad_arguments(tmp_path):
    command = [sys.executable, 'tools/dataset_converters/make_shapes.py', '--out', str(tmp_path)]
    result = subprocess.run(
        [*command, '--workers', '0'],
        cwd=ROOT,
        env={'PYTHONPATH': str(ROOT), 'PATH': ''},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.strip().splitlines() == [
        'make_shapes: workers must be a whole number of at least 1, got 0'
    ]


# ---- samples


def test_samples_have_well_occluded_objects(tmp_path):
    target = generate_samples(tmp_path, count=2, seed=1)
    content = json.loads(target.read_text())
    assert [image['file_name'] for image in content['images']] == ['000000.png', '000001.png']
    for image in content['images']:
        objects = [a for a in content['annotations'] if a['image_id'] == image['id']]
        hidden = [1 - coco_mask.area(a['i_segm']) / coco_mask.area(a['a_segm']) for a in objects]
        assert len(objects) <= 5
        assert sum(0.25 <= share <= 0.7 for share in hidden) >= 2
    with pytest.raises(ValueError, match='min_occluded'):
        generate_samples(tmp_path, min_occluded=4)


def test_shipped_samples_are_what_the_documented_command_writes(tmp_path):
    shipped = ROOT / 'demo' / 'data'
    generate_samples(tmp_path, count=6, seed=4)
    written = digest(tmp_path)
    assert set(written) <= set(digest(shipped))
    ours = json.loads((shipped / 'annotations.json').read_text())
    again = json.loads((tmp_path / 'annotations.json').read_text())
    assert ours == again
    for image in ours['images']:
        first, second = (
            cv2.imread(str(folder / image['file_name'])).astype(int)
            for folder in (shipped, tmp_path)
        )
        # Another processor or OpenCV build may round a shade differently, but no more.
        assert np.abs(first - second).max() <= 2
