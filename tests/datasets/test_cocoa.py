"""COCOA: files with regions, alone and together, and its files in COCO layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from c2fseg.datasets import COCOADataset
from c2fseg.structures import decode_mask
from tests.datasets.coco_files import (
    HIDDEN,
    SEEN,
    WHOLE,
    H,
    W,
    box_mask,
    box_polygon,
    hidden_region,
    objects,
    original,
    region,
    runs,
    single,
    write,
    write_pictures,
)

DEMO = Path(__file__).parents[3] / 'shared' / 'real' / 'cocoa_demo'
needs_demo = pytest.mark.skipif(not DEMO.is_dir(), reason='the five real files are not at hand')


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., COCOADataset]:
    """Write a file and build the data set on it."""

    def build(content: object, **arguments) -> COCOADataset:
        write(tmp_path / 'val.json', content)
        root = str(tmp_path)
        return COCOADataset('val.json', data_root=root, serialize_data=False, **arguments)

    return build


def masks(dataset: COCOADataset, place: int) -> tuple[np.ndarray, np.ndarray]:
    info = dataset.get_data_info(place)
    size = info['height'], info['width']
    kinds = ('visible', 'amodal')
    visible, amodal = (decode_mask(info[f'{kind}_segmentations'][0], *size) for kind in kinds)
    return visible, amodal


def annotation_ids(dataset: COCOADataset) -> list[int]:
    return [dataset.get_data_info(place)['annotation_id'] for place in range(len(dataset))]


# --- the original format -------------------------------------------------------------------------


def test_regions_are_objects(read: Callable, tmp_path: Path) -> None:
    dataset = read(original(), data_prefix={'img': 'val2014'})
    assert dataset.metainfo['flavour'] == 'COCOA (original)'
    assert dataset.metainfo['classes'] == ('thing', 'stuff')
    assert annotation_ids(dataset) == [1001, 1002, 2001, 2002]
    info = dataset.get_data_info(1)
    assert info['img_paths'] == [str(tmp_path / 'val2014' / 'a.png')]
    assert (info['height'], info['width']) == (H, W)
    assert (info['image_id'], info['category_id'], info['category']) == (7, 2, 'stuff')
    assert info['occlusion_rate'] == pytest.approx(0.5)
    visible, amodal = masks(dataset, 1)
    assert np.array_equal(visible, SEEN)
    assert np.array_equal(amodal, WHOLE)
    visible, amodal = masks(dataset, 0)  # without a mask of its own it is not occluded
    assert np.array_equal(visible, HIDDEN)
    assert np.array_equal(amodal, HIDDEN)


def test_categories_by_name_and_things_only(read: Callable) -> None:
    dataset = read(original(), category='name')
    assert dataset.metainfo['classes'] == ('box', 'shelf')
    assert dataset.get_data_info(1)['category_id'] == 2
    assert annotation_ids(read(original(), things_only=True)) == [1001, 2001]
    with pytest.raises(ValueError, match=r'category is one of .* got .colour.'):
        read(original(), category='colour')


def test_a_fully_hidden_region_is_dropped_and_counted(read: Callable, notes: list[str]) -> None:
    nothing = np.zeros((H, W), np.uint8)
    hidden = hidden_region(visible_mask=runs(nothing), invisible_mask=runs(WHOLE))
    content = original(single(1, 7, regions=[region(), hidden]))
    assert annotation_ids(read(content)) == [1001]
    words = '1 objects: empty visible mask, dropped; first: region 2 of annotation 1 of '
    assert any(words in note for note in notes)
    with pytest.raises(ValueError, match=r'region 2 of annotation 1 of .*empty visible mask'):
        read(content, strict=True)


def test_the_first_of_several_annotators_counts(read: Callable, notes: list[str]) -> None:
    content = original(single(1, 7), single(2, 7), single(3, 8), single(4, 7, regions=[region()]))
    assert annotation_ids(read(content)) == [1001, 1002, 3001, 3002]
    words = '3 objects: another annotator of the same picture, dropped; first: region 1 of '
    assert any(f'{words}annotation 2 of' in note for note in notes)


def test_an_invisible_mask_alone_still_hides(read: Callable, notes: list[str]) -> None:
    shelf = hidden_region()
    del shelf['visible_mask']
    content = original(single(1, 7, regions=[shelf]))
    assert np.array_equal(masks(read(content), 0)[0], SEEN)
    assert any('invisible_mask without visible_mask, V is A without it' in note for note in notes)
    with pytest.raises(ValueError, match=r'region 1 of .* invisible_mask without visible_mask'):
        read(content, strict=True)


def test_a_visible_mask_alone_is_an_error_in_strict_mode_only(read: Callable) -> None:
    shelf = hidden_region()
    del shelf['invisible_mask']
    content = original(single(1, 7, regions=[shelf]))
    assert np.array_equal(masks(read(content), 0)[0], SEEN)
    with pytest.raises(ValueError, match=r'region 1 of .* visible_mask without invisible_mask'):
        read(content, strict=True)


def test_a_polygon_may_touch_the_border_and_regions_may_be_rle(read: Callable) -> None:
    regions = [
        region(segmentation=box_polygon(30.0, 0.0, float(W), float(H))),
        region(segmentation=runs(HIDDEN)),
        region(segmentation=[box_polygon(10, 10, 30, 30), box_polygon(40, 0, 50, 10)]),
    ]
    dataset = read(original(single(1, 7, regions=regions)))
    assert np.array_equal(masks(dataset, 0)[1], box_mask(30, 0, W, H))
    assert np.array_equal(masks(dataset, 1)[1], HIDDEN)
    assert masks(dataset, 2)[1].sum() == 400 + 100


@pytest.mark.parametrize('constraint', ['', '1-2', '1-2,2-1', ' 1-2 , 2-1 ', None])
def test_depth_constraints_that_are_fine(read: Callable, constraint: object) -> None:
    assert len(read(original(single(1, 7, depth_constraint=constraint)))) == 2


def without(entry: dict, key: str) -> dict:
    return {name: value for name, value in entry.items() if name != key}


WRONG = [
    ({'depth_constraint': '1-3'}, ValueError, "the pair '1-3', there are regions 1 to 2"),
    ({'depth_constraint': '0-1'}, ValueError, "the pair '0-1'"),
    ({'depth_constraint': '1-2;2-1'}, ValueError, "depth_constraint is pairs .* got '1-2;2-1'"),
    ({'depth_constraint': [1, 2]}, TypeError, r'depth_constraint is text .* got \[1, 2\]'),
    ({'regions': {}}, TypeError, 'regions is a list, got dict'),
    ({'regions': [region()] * 1000}, ValueError, 'at most 999 regions, got 1000'),
    ({'regions': [[1]]}, TypeError, 'region 1 of annotation 1 is a dict, got list'),
    ({'regions': [without(region(), 'segmentation')]}, KeyError, "'segmentation' is missing"),
    ({'regions': [without(region(), 'isStuff')]}, KeyError, "'isStuff' is missing, found"),
    ({'regions': [region(isStuff=2)]}, ValueError, 'isStuff is 0 or 1, got 2'),
    ({'regions': [region(segmentation=[1, 2, 3, 4])]}, ValueError, 'region 1 of annotation 1 of '),
    ({'regions': [region(segmentation='x')]}, TypeError, 'RLE dict or a list of polygons, got str'),
    (
        {'regions': [hidden_region(visible_mask=runs(SEEN.T))]},
        ValueError,
        r'region 1 of annotation 1 of .*\[60, 40\] in an image of size \[40, 60\]',
    ),
    (
        {'regions': [without(hidden_region(invisible_mask=5), 'visible_mask')]},
        TypeError,
        'region 1 of annotation 1 of .*got int',
    ),
    ({'image_id': 9}, ValueError, 'annotation 1 of .*no image has the image_id 9'),
    ({'image_id': [7]}, TypeError, r'image_id is a number, got \[7\]'),
    ({'id': '1'}, TypeError, "id is a whole number, got '1'"),
    ({'id': 2}, ValueError, 'annotation 2 of .*this id is used twice'),
]


@pytest.mark.parametrize(('changes', 'error', 'words'), WRONG)
def test_wrong_annotations(read: Callable, changes: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        read(original(single(2, 8), {**single(1, 7), **changes}))
    assert 'val.json' in str(caught.value)


@pytest.mark.parametrize('key', ['id', 'image_id', 'regions'])
def test_missing_key_of_an_annotation(read: Callable, key: str) -> None:
    content = original(single(2, 8), without(single(1, 7), key))
    with pytest.raises(KeyError, match=rf'key .{key}.* is missing, found .*url'):
        read(content)


@pytest.mark.parametrize('key', ['file_name', 'height'])
def test_missing_key_of_a_picture(read: Callable, key: str) -> None:
    content = original()
    content['images'][1].pop(key)
    with pytest.raises(KeyError, match=f'image 8 of .*val.json.*{key}.*missing'):
        read(content)


def test_a_name_is_needed_where_it_is_the_category(read: Callable) -> None:
    content = original(single(1, 7, regions=[without(region(), 'name')]))
    assert len(read(content)) == 1
    with pytest.raises(KeyError, match="'name' is missing"):
        read(content, category='name')


# --- single-annotation files ---------------------------------------------------------------------


def test_a_folder_of_single_annotations(tmp_path: Path) -> None:
    write(tmp_path / 'labels' / '2.json', single(5, 8, regions=[hidden_region()]))
    write(tmp_path / 'labels' / '1.json', single(4, 7))
    write_pictures(tmp_path / 'images', '1.jpg', 'COCO_val2014_000000000008.jpg')
    pipeline = [
        {'type': 'LoadFrames'},
        {'type': 'LoadAmodalMasks'},
        {'type': 'CropObject', 'crop_size': 32},
        {'type': 'PackAmodalInputs', 'pack_full_masks': True},
    ]
    arguments = dict(data_root=str(tmp_path), data_prefix={'img': 'images'}, pipeline=pipeline)
    folder = COCOADataset('labels', **arguments)
    files = COCOADataset(['labels/1.json', 'labels/2.json'], **arguments)
    for dataset in (folder, files):
        assert annotation_ids(dataset) == [4001, 4002, 5001]
        # By the name of the file where its url leads nowhere.
        names = [Path(dataset.get_data_info(i)['img_paths'][0]).name for i in (0, 2)]
        assert names == ['1.jpg', 'COCO_val2014_000000000008.jpg']
        assert dataset[1]['data_samples'].gt_masks.amodal.sum() == 800
    assert folder.metainfo['ann_file'] == str(tmp_path / 'labels')
    assert files.metainfo['ann_file'].endswith('1.json and 1 more files')


def test_size_of_a_picture_without_hidden_regions(tmp_path: Path) -> None:
    """Its masks do not say it, the picture does; a turned photograph counts as it is seen."""
    write(tmp_path / '1.json', single(1, 7, regions=[region()]))
    with pytest.raises(FileNotFoundError, match=r'1\.json says nothing about the size .*\.jpg'):
        COCOADataset('1.json', data_root=str(tmp_path))
    write_pictures(tmp_path, '1.jpg', size=(70, 90))
    info = COCOADataset('1.json', data_root=str(tmp_path)).get_data_info(0)
    assert (info['height'], info['width']) == (70, 90)
    picture = Image.open(tmp_path / '1.jpg')
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / 'turned.jpg', exif=exif)
    (tmp_path / 'turned.jpg').rename(tmp_path / '1.jpg')
    dataset = COCOADataset('1.json', data_root=str(tmp_path), pipeline=[{'type': 'LoadFrames'}])
    assert dataset[0]['img'].shape == (1, 90, 70, 3)


@pytest.mark.parametrize('size', [[40, 10**9], [0, 60], ['40', 60], [40.0, 60]])
def test_a_size_that_no_picture_has(tmp_path: Path, size: list) -> None:
    hidden = hidden_region()
    hidden['visible_mask'] = {'size': size, 'counts': [2400]}
    write(tmp_path / '1.json', single(1, 7, regions=[hidden]))
    with pytest.raises(ValueError, match=r'image 7 of .*1\.json: \w+ is a whole number of pixels'):
        COCOADataset('1.json', data_root=str(tmp_path))


def test_masks_without_pictures(tmp_path: Path) -> None:
    """The picture keeps the name of the url: it may be put there later."""
    write(tmp_path / '1.json', single(1, 7))
    info = COCOADataset('1.json', data_root=str(tmp_path)).get_data_info(0)
    assert Path(info['img_paths'][0]).name == 'COCO_val2014_000000000007.jpg'


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    def build(*names: str) -> COCOADataset:
        return COCOADataset(list(names), data_root=str(tmp_path))

    write(tmp_path / '1.json', single(1, 7))
    write(tmp_path / '2.json', single(1, 8))
    write(tmp_path / '3.json', objects())
    write(tmp_path / '4.json', single(4, 7, url='x/other.jpg'))
    with pytest.raises(ValueError, match=r'annotation 1 of .*2\.json: this id .*also in .*1\.json'):
        build('1.json', '2.json')
    with pytest.raises(ValueError, match=r'3\.json is COCOA-cls.*several files are read together'):
        build('1.json', '3.json')
    with pytest.raises(ValueError, match=r'4\.json: image 7 is .*other\.jpg.* in another file'):
        build('1.json', '4.json')
    with pytest.raises(FileNotFoundError, match=r'annotation file not found: .*9\.json'):
        build('1.json', '9.json')
    with pytest.raises(ValueError, match='got an empty one'):
        build()
    (tmp_path / 'none').mkdir()
    with pytest.raises(FileNotFoundError, match=r'no \*\.json in the folder .*none'):
        build('none')


# --- COCOA-cls -----------------------------------------------------------------------------------


def test_coco_layout(read: Callable) -> None:
    content = objects()
    content['annotations'][0]['invisible_mask'] = runs(HIDDEN)
    dataset = read(content)
    assert dataset.metainfo['flavour'] == 'COCOA-cls, D2SA or custom COCO JSON'
    assert dataset.metainfo['category_ids'] == (3, 90)
    assert annotation_ids(dataset) == [11, 12]
    assert dataset.get_data_info(0)['category'] == 'shelf'
    visible, amodal = masks(dataset, 0)
    assert np.array_equal(visible, SEEN)
    assert np.array_equal(amodal, WHOLE)
    assert dataset.get_data_info(1)['occlusion_rate'] == 0


@pytest.mark.parametrize(
    ('keys', 'words'),
    [
        ({'a_segm': [], 'i_segm': []}, "'segmentation' is missing.*KINS 2020, which KINSDataset"),
        ({'segmentation': [], 'inmodal_seg': {}}, "'visible_mask' is missing.*KINS v1, which KINS"),
        ({'segmentation': [], 'inmodal_bbox': []}, "'visible_mask' is missing.*KINS v1, which KIN"),
    ],
)
def test_other_flavours_name_their_class(read: Callable, keys: dict, words: str) -> None:
    entry = {'id': 5, 'image_id': 7, 'category_id': 3, **keys}
    with pytest.raises(KeyError, match=f'annotation 5 of .*{words}'):
        read(objects(annotations=[entry]))


def test_mixed_flavours(read: Callable) -> None:
    content = objects()
    content['annotations'].append({**single(1, 7)})
    with pytest.raises(ValueError, match=r"mixes two flavours: 'regions' .*'visible_mask'"):
        read(content)


def test_no_annotations(read: Callable) -> None:
    with pytest.raises(ValueError, match='has no annotations: no object is left'):
        read(objects(annotations=[]))


# --- real files ----------------------------------------------------------------------------------


@needs_demo
def test_real_files_hold_48_regions() -> None:
    dataset = COCOADataset('.', data_root=str(DEMO), pipeline=[{'type': 'LoadFrames'}])
    assert len(dataset) == 48
    assert len({dataset.get_data_info(place)['sample_id'] for place in range(48)}) == 48
    assert len(COCOADataset('.', data_root=str(DEMO), things_only=True)) == 47
    for place in (0, 2, 13, 32, 42):  # one of each picture
        info = dataset[place]
        assert info['img'].shape == (1, info['height'], info['width'], 3)


@needs_demo
@pytest.mark.parametrize('number', [1, 2, 3, 4, 5])
def test_real_visible_masks_are_what_nearer_regions_leave(number: int) -> None:
    name = f'{number}.json'
    dataset = COCOADataset(name, data_root=str(DEMO))
    regions = json.loads((DEMO / name).read_text())['regions']
    assert len(dataset) == len(regions)
    found = [masks(dataset, place) for place in range(len(dataset))]
    for place, entry in enumerate(regions):
        nearer = np.zeros_like(found[0][1])
        for other, (_, amodal) in zip(regions, found):
            if other['order'] < entry['order']:
                nearer |= amodal
        visible, amodal = found[place]
        assert np.array_equal(visible, amodal & (1 - nearer))
        assert amodal.sum() == entry['area']
        rate = dataset.get_data_info(place)['occlusion_rate']
        assert rate == pytest.approx(entry['occlude_rate'], abs=1e-9)
