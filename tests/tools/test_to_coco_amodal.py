"""to_coco_amodal: the masks of the source's data set, pixel for pixel; every mistake is listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from c2fseg.datasets import COCOADataset, CocoAmodalDataset, KINSDataset
from c2fseg.datasets.base_amodal_dataset import BaseAmodalDataset
from c2fseg.structures import decode_mask
from tests.datasets import coco_files

from .loading import load_tool

KINS_MINI = Path(__file__).parents[1] / 'data' / 'kins_mini'
COCOA_DEMO = Path(__file__).parents[3] / 'shared' / 'real' / 'cocoa_demo'
Run = Callable[..., tuple[int, str, str]]
SAME_KEYS = ('image_id', 'annotation_id', 'category_id', 'category', 'occlusion_rate', 'img_paths')


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    return load_tool('dataset_converters/to_coco_amodal')


@pytest.fixture
def run(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the tool; gives status, output and errors."""

    def call(*arguments: Any) -> tuple[int, str, str]:
        status = 0
        try:
            tool.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def assert_same(source: BaseAmodalDataset, out: Path, img: Path | str = '') -> None:
    """The converted file gives the same objects; its masks are also what pycocotools reads."""
    converted = CocoAmodalDataset(ann_file=str(out), data_prefix={'img': str(img)}, test_mode=True)
    coco = COCO(out)
    assert len(converted) == len(source) > 0
    for place in range(len(source)):
        one, other = source.get_data_info(place), converted.get_data_info(place)
        assert {key: one[key] for key in SAME_KEYS} == {key: other[key] for key in SAME_KEYS}
        size = one['height'], one['width']
        assert size == (other['height'], other['width'])
        for kind in ('visible', 'amodal'):
            masks = [
                decode_mask(entry[f'{kind}_segmentations'][0], *size) for entry in (one, other)
            ]
            np.testing.assert_array_equal(*masks)
        annotation = coco.anns[one['annotation_id']]
        np.testing.assert_array_equal(coco.annToMask(annotation), masks[0])
        assert annotation['area'] == masks[0].sum()


@pytest.mark.parametrize('name', ['kins_2020', 'kins_v1'])
def test_kins_keeps_every_pixel(run: Run, tmp_path: Path, name: str) -> None:
    out = tmp_path / 'out.json'
    status, said, _ = run(KINS_MINI / f'{name}.json', out, '--skip-broken')
    assert status == 0
    assert f'read as KINS {"2020" if name.endswith("2020") else "v1"}' in said
    img = KINS_MINI / 'image_2'
    source = KINSDataset(
        ann_file=str(KINS_MINI / f'{name}.json'), data_prefix={'img': str(img)}, test_mode=True
    )
    assert_same(source, out, img)


@pytest.mark.parametrize('category', ['kind', 'name'])
@pytest.mark.parametrize('things_only', [False, True])
def test_regions_keep_every_pixel_and_their_numbers(
    run: Run, tmp_path: Path, category: str, things_only: bool
) -> None:
    source = coco_files.write(tmp_path / 'cocoa.json', coco_files.original())
    options = ['--category', category, *['--things-only'] * things_only]
    status, said, _ = run(source, tmp_path / 'out.json', *options)
    assert status == 0
    assert ('left out: 2 objects stuff' in said) == things_only
    dataset = COCOADataset(
        ann_file=str(source), category=category, things_only=things_only, test_mode=True
    )
    assert_same(dataset, tmp_path / 'out.json')
    assert dataset.get_data_info(0)['annotation_id'] == 1001


def test_single_annotations_and_their_pictures(run: Run, tmp_path: Path) -> None:
    """One picture has the name of its url, the other that of its file; a folder does as well."""
    folder = tmp_path / 'demo'
    first = coco_files.write(folder / 'one.json', coco_files.single(377, 7))
    free = coco_files.single(400, 8, regions=[coco_files.region()], url='')
    second = coco_files.write(folder / 'two.json', free)
    coco_files.write_pictures(folder, 'COCO_val2014_000000000007.jpg', 'two.png')
    out = tmp_path / 'out.json'
    assert run(first, second, out, '--img-dir', folder)[0] == 0
    assert_same(
        COCOADataset(ann_file=str(folder), data_prefix={'img': str(folder)}, test_mode=True),
        out,
        folder,
    )
    content = out.read_text()
    assert run(folder, out, '--img-dir', folder)[0] == 0
    assert out.read_text() == content
    images = json.loads(content)['images']
    assert [image['file_name'] for image in images] == [
        'COCO_val2014_000000000007.jpg', 'two.png'
    ]  # fmt: skip
    status, _, err = run(first, out)
    assert status == 2
    assert 'image 7 has no entry in images: the folder of the pictures is needed' in err
    (folder / 'two.png').unlink()
    status, said, err = run(first, second, out, '--img-dir', folder, '--skip-broken')
    assert status == 0
    assert 'picture of image 8 not found' in err
    assert '1 pictures, 2 objects' in said


def test_further_annotators_are_counted(run: Run, tmp_path: Path) -> None:
    content = coco_files.original(coco_files.single(1, 7), coco_files.single(2, 7))
    source, out = coco_files.write(tmp_path / 'bsds.json', content), tmp_path / 'out.json'
    assert 'left out: 2 objects of further annotators' in run(source, out)[1]
    assert len(json.loads(out.read_text())['annotations']) == 2
    assert 'left out' not in run(source, out, '--all-annotators')[1]
    ids = [entry['id'] for entry in json.loads(out.read_text())['annotations']]
    assert ids == [1001, 1002, 2001, 2002]


def test_files_in_coco_layout(run: Run, tmp_path: Path) -> None:
    """Crowds are left out, V without a mask of its own is A, or A without the hidden part."""
    content = coco_files.objects()
    shelf, box = content['annotations']
    del shelf['visible_mask']
    shelf['invisible_mask'] = coco_files.runs(coco_files.HIDDEN)
    content['annotations'].append({**box, 'id': 13, 'iscrowd': 1})
    source = coco_files.write(tmp_path / 'in.json', content)
    status, said, _ = run(source, tmp_path / 'out.json')
    assert status == 0
    assert 'left out: 1 objects iscrowd' in said
    assert_same(COCOADataset(ann_file=str(source), test_mode=True), tmp_path / 'out.json')
    coco = COCO(tmp_path / 'out.json')
    seen = coco.annToMask({**coco.anns[11], 'segmentation': coco.anns[11]['visible_mask']})
    np.testing.assert_array_equal(seen, coco_files.SEEN)


def test_plain_coco_is_said_to_be_unoccluded(run: Run, tmp_path: Path) -> None:
    content = coco_files.objects()
    del content['annotations'][0]['visible_mask']
    source = coco_files.write(tmp_path / 'in.json', content)
    said = run(source, tmp_path / 'out.json')[1]
    assert 'no object has a visible mask: all of them count as unoccluded' in said


def test_fully_hidden_objects_stay(run: Run, tmp_path: Path) -> None:
    content = coco_files.objects()
    content['annotations'][0]['visible_mask'] = coco_files.runs(np.zeros_like(coco_files.SEEN))
    source = coco_files.write(tmp_path / 'in.json', content)
    assert run(source, tmp_path / 'out.json')[0] == 0
    entry = json.loads((tmp_path / 'out.json').read_text())['annotations'][0]
    assert (entry['occlude_rate'], entry['area'], entry['bbox']) == (1.0, 800, [10, 10, 40, 20])
    assert not decode_mask(entry['visible_mask'], coco_files.H, coco_files.W).any()


POINTS = st.tuples(st.floats(0, coco_files.W), st.floats(0, coco_files.H))
POLYGON = st.lists(POINTS, min_size=3, max_size=6).map(
    lambda points: [value for point in points for value in point]
)
MASK = st.one_of(
    st.lists(POLYGON, min_size=1, max_size=3),
    POLYGON,
    st.integers(0, 2**32 - 1).map(
        lambda seed: coco_files.runs(
            (np.random.default_rng(seed).random((coco_files.H, coco_files.W)) < 0.4).astype(
                np.uint8
            )
        )
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(amodal=MASK, visible=MASK, flavour=st.sampled_from(['KINS', 'COCO', 'regions']))
def test_any_masks_of_any_flavour(
    tool: ModuleType, tmp_path: Path, amodal: Any, visible: Any, flavour: str
) -> None:
    content = coco_files.objects()
    if flavour == 'regions':
        content = coco_files.original()
        keys, entries = ('segmentation', 'visible_mask'), content['annotations'][0]['regions']
    elif flavour == 'KINS':
        keys = ('a_segm', 'i_segm')
        ids = {'id': 1, 'image_id': 7, 'category_id': 3}
        entries = content['annotations'] = [ids]
    else:
        keys, entries = ('segmentation', 'visible_mask'), content['annotations']
    entries[0].update(zip(keys, (amodal, visible)))
    source = coco_files.write(tmp_path / 'in.json', content)
    expected = [decode_mask(mask, coco_files.H, coco_files.W) for mask in (amodal, visible)]
    if not expected[0].any():
        return  # an empty amodal mask is a mistake, tested below
    tool.main([str(source), str(tmp_path / 'out.json')])
    entry = json.loads((tmp_path / 'out.json').read_text())['annotations'][0]
    for key, mask in zip(('segmentation', 'visible_mask'), expected):
        np.testing.assert_array_equal(decode_mask(entry[key], coco_files.H, coco_files.W), mask)


def test_all_mistakes_are_listed_and_may_be_skipped(run: Run, tmp_path: Path) -> None:
    content = coco_files.objects()
    shelf = content['annotations'][0]
    small = {'size': [4, 4], 'counts': [16]}
    empty = coco_files.runs(np.zeros_like(coco_files.SEEN))
    for number, changes in enumerate(
        [
            {'segmentation': small},
            {'visible_mask': 'text'},
            {'segmentation': empty},
            {'image_id': 99},
            {'category_id': 5},
            {'id': 11},
            {'segmentation': [[1, 2]]},
        ],
        start=20,
    ):
        content['annotations'].append({**shelf, 'id': number, **changes})
    content['annotations'] += [{'id': 30, 'image_id': 7}, 'x']
    source = coco_files.write(tmp_path / 'in.json', content)
    status, out, err = run(source, tmp_path / 'out.json')
    assert (status, out) == (2, '')
    for words in (
        'annotation 20 of in.json: amodal mask: mask of size [H, W] = [4, 4]',
        'annotation 21 of in.json: visible mask: a mask is an RLE dict or a list',
        'annotation 22 of in.json: its amodal mask has no pixel',
        'annotation 23 of in.json: no image has the image_id 99',
        'annotation 24 of in.json: category_id 5 is not among [3, 90]',
        'annotation 11 of in.json: this id is used twice',
        'annotation 26 of in.json: amodal mask: no usable polygon',
        "annotation 30 of in.json: key 'category_id' is missing",
        'annotations[2] of in.json is a dict, got str'.replace('[2]', '[10]'),
        'error: 9 mistakes, listed above; nothing was written',
    ):
        assert words in err, words
    assert not (tmp_path / 'out.json').exists()
    status, out, err = run(source, tmp_path / 'out.json', '--skip-broken')
    assert status == 0
    assert '9 mistakes, listed above: what they concern was left out' in err
    entries = json.loads((tmp_path / 'out.json').read_text())['annotations']
    assert [entry['id'] for entry in entries] == [11, 12]


def test_mistakes_in_the_command(run: Run, tmp_path: Path) -> None:
    out = tmp_path / 'out.json'
    objects = coco_files.write(tmp_path / 'objects.json', coco_files.objects())
    single = coco_files.write(tmp_path / 'single.json', coco_files.single())
    bad = coco_files.write(tmp_path / 'bad.json', {'x': 1})
    assert 'not found: ' in run(tmp_path / 'no.json', out)[2]
    assert 'Only original COCOA files can be joined' in run(single, objects, out)[2]
    assert 'are for original COCOA files' in run(objects, out, '--things-only')[2]
    assert 'is a source itself' in run(objects, objects)[2]
    assert 'is named twice' in run(single, tmp_path / 'x/../single.json', out)[2]
    status, _, err = run(bad, out)
    assert status == 2
    assert "key 'annotations' is missing, found ['x']" in err
    bad.write_text('{')
    assert 'is not JSON' in run(bad, out, '--skip-broken')[2]
    mixed = coco_files.objects()
    mixed['annotations'][1]['inmodal_seg'] = []
    coco_files.write(bad, mixed)
    assert 'mixes two flavours' in run(bad, out)[2]
    assert not out.exists()


@pytest.mark.skipif(not COCOA_DEMO.is_dir(), reason='needs ../shared/real/cocoa_demo')
def test_the_real_regions(run: Run, tmp_path: Path) -> None:
    status, said, _ = run(COCOA_DEMO, tmp_path / 'out.json', '--img-dir', COCOA_DEMO)
    assert status == 0
    assert '5 pictures, 48 objects' in said
    source = COCOADataset(
        ann_file=str(COCOA_DEMO), data_prefix={'img': str(COCOA_DEMO)}, test_mode=True
    )
    assert_same(source, tmp_path / 'out.json', COCOA_DEMO)
