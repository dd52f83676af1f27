"""labelme_to_coco_amodal: shapes become masks pixel by pixel, and every mistake is listed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from c2fseg.datasets import CocoAmodalDataset
from c2fseg.datasets.conversion.labelme_shapes import shape_mask
from c2fseg.structures import decode_mask

from .labelme_files import HEIGHT, WIDTH, box, shape, write_labels, write_picture
from .loading import load_tool

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    return load_tool('dataset_converters/labelme_to_coco_amodal')


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


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A folder with one picture a.png."""
    write_picture(tmp_path / 'labels' / 'a.png')
    return tmp_path / 'labels'


def area_of(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y0:y1, x0:x1] = 1
    return mask


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def masks_of(entry: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Decodes both masks of an annotation with pycocotools."""
    return coco_mask.decode(entry['segmentation']), coco_mask.decode(entry['visible_mask'])


# ---------------------------------------------------------------- what is read


def test_objects_of_one_picture(run: Run, labels: Path, tmp_path: Path) -> None:
    """One occluded in two parts, one unoccluded by group, one unoccluded without a group."""
    write_labels(
        labels / 'a.json',
        [
            box('mug/amodal', 4, 5, 20, 15, group=7),
            box('mug/visible', 4, 5, 8, 15, group=7),
            box('mug / Visible', 12, 5, 20, 15, group=7),
            box('pole/amodal', 8, 0, 12, 30, group=0),
            box('mug/amodal', 30, 20, 40, 30),
        ],
    )
    status, out, err = run(labels, tmp_path / 'out.json')
    assert (status, err) == (0, '')
    assert '1 pictures, 3 objects, 1 of them over 5% hidden, 2 categories' in out
    content = read(tmp_path / 'out.json')
    assert content['images'] == [{'id': 1, 'file_name': 'a.png', 'height': HEIGHT, 'width': WIDTH}]
    assert content['categories'] == [{'id': 1, 'name': 'mug'}, {'id': 2, 'name': 'pole'}]
    first, second, third = content['annotations']
    whole, seen = masks_of(first)
    np.testing.assert_array_equal(whole, area_of(4, 5, 20, 15))
    np.testing.assert_array_equal(seen, area_of(4, 5, 8, 15) | area_of(12, 5, 20, 15))
    assert (first['area'], first['occlude_rate']) == (160, 0.25)
    assert first['bbox'] == [4, 5, 16, 10]
    assert [entry['category_id'] for entry in content['annotations']] == [1, 2, 1]
    for entry, expected in ((second, area_of(8, 0, 12, 30)), (third, area_of(30, 20, 40, 30))):
        for mask in masks_of(entry):
            np.testing.assert_array_equal(mask, expected)
        assert entry['occlude_rate'] == 0
    assert [entry.get('group_id') for entry in content['annotations']] == [7, 0, None]


def test_the_data_set_and_pycocotools_read_the_file(run: Run, labels: Path, tmp_path: Path) -> None:
    entries = [box('mug/amodal', 4, 5, 20, 15, 1), box('mug/visible', 4, 5, 8, 15, 1)]
    write_labels(labels / 'a.json', entries)
    run(labels, tmp_path / 'out.json')
    dataset = CocoAmodalDataset(
        ann_file=str(tmp_path / 'out.json'), data_prefix={'img': str(labels)}, image_check='stop'
    )
    record = dataset.get_data_info(0)
    assert record['category'] == 'mug'
    assert record['occlusion_rate'] == pytest.approx(0.75)
    found = decode_mask(record['amodal_segmentations'][0], HEIGHT, WIDTH)
    coco = COCO(tmp_path / 'out.json')
    np.testing.assert_array_equal(found, coco.annToMask(coco.loadAnns([1])[0]))
    np.testing.assert_array_equal(found, area_of(4, 5, 20, 15))


def test_kinds_of_shapes(labels: Path) -> None:
    def mask(points: list, kind: str, part: np.ndarray | None = None) -> np.ndarray:
        entry = shape('x/amodal', points, shape_type=kind, mask=part)
        return coco_mask.decode(shape_mask(entry, HEIGHT, WIDTH))

    rectangle = area_of(3, 4, 13, 9)
    np.testing.assert_array_equal(mask([[13, 4], [3, 9]], 'rectangle'), rectangle)
    corners = [[3, 4], [13, 4], [13, 9], [3, 9]]
    np.testing.assert_array_equal(mask(corners, 'rectangle'), rectangle)
    circle = mask([[20, 15], [20, 5]], 'circle')
    assert circle.sum() == pytest.approx(math.pi * 100, rel=0.02)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    disc = np.hypot(rows - 15, columns - 20) <= 10
    assert (circle != disc).sum() <= 16  # a quarter of the pixels that the circle runs through
    part = np.array([[1, 0, 1], [0, 1, 1]], bool)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[10:12, 6:9] = part
    np.testing.assert_array_equal(mask([[6, 10], [8, 11]], 'mask', part), expected)


@settings(max_examples=30, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)), min_size=3, max_size=8)
)
def test_a_polygon_is_what_pycocotools_draws(points: list[tuple[float, float]]) -> None:
    flat = [value for point in points for value in point]
    expected = coco_mask.decode(coco_mask.frPyObjects([flat], HEIGHT, WIDTH))[..., 0]
    found = coco_mask.decode(shape_mask(shape('x/amodal', points), HEIGHT, WIDTH))
    np.testing.assert_array_equal(found, expected)


def test_pictures_are_found_where_they_may_be(run: Run, tmp_path: Path) -> None:
    """Beside the file, by a Windows path, in the folder of pictures."""
    labels, pictures = tmp_path / 'labels', tmp_path / 'images'
    for number, (name, image_path) in enumerate(
        [('sub/one', '..\\..\\images\\deep\\one.png'), ('two', 'C:\\photos\\two.png')]
    ):
        write_picture(pictures / ('deep' if number == 0 else '') / Path(f'{name}.png').name)
        write_labels(labels / f'{name}.json', [box('x/amodal', 0, 0, 9, 9)], image_path)
    status, _, err = run(labels, tmp_path / 'out.json', '--img-dir', pictures)
    assert (status, err) == (0, '')
    names = [image['file_name'] for image in read(tmp_path / 'out.json')['images']]
    assert names == ['deep/one.png', 'two.png']


def test_a_size_that_is_not_said_is_the_pictures(run: Run, labels: Path, tmp_path: Path) -> None:
    write_labels(labels / 'a.json', [box('x/amodal', 0, 0, 9, 9)], size=(None, None))
    assert run(labels, tmp_path / 'out.json')[0] == 0
    assert read(tmp_path / 'out.json')['images'][0]['width'] == WIDTH


# ---------------------------------------------------------------- splits


def test_split_by_picture_and_seed(run: Run, tmp_path: Path) -> None:
    labels = tmp_path / 'labels'
    for number in range(10):
        write_picture(labels / f'{number}.png', seed=number)
        entries = [box('x/amodal', 0, 0, 9, 9), box('y/amodal', 0, 0, 9, number + 3)]
        write_labels(labels / f'{number}.json', entries)

    def split(seed: int) -> list[set[str]]:
        files = [tmp_path / f'train_{seed}.json', tmp_path / f'val_{seed}.json']
        options = ('--val-ratio', 0.3, '--seed', seed)
        assert run(labels, files[0], '--val', files[1], *options)[0] == 0
        contents = [read(file) for file in files]
        assert contents[0]['categories'] == contents[1]['categories']
        assert [len(content['annotations']) for content in contents] == [14, 6]
        return [{image['file_name'] for image in content['images']} for content in contents]

    train, val = split(0)
    assert (len(train), len(val)) == (7, 3)
    assert train | val == {f'{number}.png' for number in range(10)}
    assert split(0) == [train, val]
    assert split(1) != [train, val]


def test_outputs_beside_the_labels_are_not_read(run: Run, labels: Path) -> None:
    write_labels(labels / 'a.json', [box('x/amodal', 0, 0, 9, 9)])
    for _ in range(2):
        status, out, _ = run(labels, labels / 'out.json')
        assert status == 0
        assert '1 pictures, 1 objects' in out


def test_categories_keep_the_order_given(run: Run, labels: Path, tmp_path: Path) -> None:
    write_labels(labels / 'a.json', [box('mug/amodal', 0, 0, 9, 9)])
    run(labels, tmp_path / 'out.json', '--categories', 'pole', 'mug')
    content = read(tmp_path / 'out.json')
    assert content['categories'] == [{'id': 1, 'name': 'pole'}, {'id': 2, 'name': 'mug'}]
    assert content['annotations'][0]['category_id'] == 2


# ---------------------------------------------------------------- mistakes


MISTAKES = [
    ([box('m/visible', 0, 0, 9, 9, 3)], r"shapes\[0\] \('m/visible', group 3\)", 'no m/amodal'),
    ([box('mug/visible', 0, 0, 9, 9)], r'shapes\[0\]', 'give it and its amodal shape the same'),
    ([box('mug', 0, 0, 9, 9)], r"shapes\[0\] \('mug'\)", 'ends in neither /visible nor /amodal'),
    ([box('/amodal', 0, 0, 9, 9)], r'shapes\[0\]', 'ends in neither'),
    ([shape('x/amodal', [[0, 0], [5, 5]])], r'shapes\[0\]', '3 points or more, got 2'),
    ([box('x/amodal', 35, 0, 45, 9)], r'shapes\[0\]', r'point \[45.0, 0.0\] lies 5.0 px outside'),
    ([box('x/amodal', -3, 0, 9, 9)], r'shapes\[0\]', '3.0 px outside'),
    ([shape('x/amodal', [[0, 0], [9, 9]], shape_type='line')], r'shapes', "'line' has no area"),
    ([shape('x/amodal', [['a', 0]] * 3)], r'shapes\[0\]', 'in numbers'),
    ([shape('x/amodal', [[0, 0]] * 3, shape_type='circle')], r'shapes\[0\]', 'a circle has 2'),
    ([shape('x/amodal', [[0, 0], [2, 2]], shape_type='mask')], r'shapes\[0\]', 'no PNG in base64'),
    ([shape('x/amodal', [[1, 1]] * 3)], r'shapes\[0\]', 'covers no pixel'),
    ([box('x/amodal', 0, 0, 9, 9, group=[1])], r'shapes\[0\]', 'group_id is a whole number'),
    ([{'label': 'x/amodal'}], r'shapes\[0\]', "key 'points' is missing"),
    (['x'], r'shapes\[0\]', 'a shape is a dict, got str'),
    (
        [box('x/amodal', 0, 0, 10, 10, 1), box('x/visible', 5, 0, 11, 10, 1)],
        r'shapes\[0\] .*, shapes\[1\]',
        '10 visible px lie outside the amodal shape, 10.0% of its area',
    ),
    (
        [box('x/amodal', 0, 0, 9, 9, 1), box('y/visible', 0, 0, 5, 5, 1)],
        r'shapes\[0\] .*, shapes\[1\]',
        r"these have \['x', 'y'\]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(('entries', 'place', 'words'), MISTAKES)
def test_mistakes_name_file_and_shape(
    run: Run, labels: Path, tmp_path: Path, entries: list, place: str, words: str
) -> None:
    path = write_labels(labels / 'a.json', entries)
    status, out, err = run(labels, tmp_path / 'out.json')
    listed, last = err.strip().splitlines()
    assert (status, out) == (2, '')
    assert listed.startswith(f'{path}, shapes[')
    assert re.search(place, listed), listed
    assert re.search(words, listed), listed
    assert last.startswith('error: 1 mistake in 1 file, listed above; nothing was written')
    assert not (tmp_path / 'out.json').exists()


def test_one_per_cent_outside_is_allowed(run: Run, labels: Path, tmp_path: Path) -> None:
    entries = [box('x/amodal', 0, 0, 20, 20, 1), box('x/visible', 0, 0, 20, 20, 1)]
    entries.append(box('x/visible', 20, 0, 21, 4, 1))  # 4 of 400 pixels
    write_labels(labels / 'a.json', entries)
    assert run(labels, tmp_path / 'out.json')[0] == 0
    write_labels(labels / 'a.json', [*entries, box('x/visible', 20, 4, 21, 5, 1)])
    assert run(labels, tmp_path / 'out.json')[0] == 2


def test_all_mistakes_of_all_files_are_listed_and_may_be_skipped(
    run: Run, labels: Path, tmp_path: Path
) -> None:
    """Broken: two shapes of a.json, pictures of b, c and d, the JSON of e, the form of f."""
    good = [box('x/amodal', 0, 0, 9, 9, 2), box('x/visible', 0, 0, 5, 9, 2)]
    half = [box('y/amodal', 0, 0, 9, 9, 5), shape('y/visible', [[0, 0]], 5)]
    write_labels(labels / 'a.json', [*good, *half, box('z', 0, 0, 9, 9)])
    write_labels(labels / 'b.json', good)
    write_picture(labels / 'c.png', height=20)
    write_labels(labels / 'c.json', good)
    write_picture(labels / 'd.png')
    (labels / 'd.png').write_bytes((labels / 'd.png').read_bytes()[:200])
    write_labels(labels / 'd.json', good)
    (labels / 'e.json').write_text('{')
    (labels / 'f.json').write_text('[]')
    write_labels(labels / 'g.json', good, image_path='a.png')
    status, _, err = run(labels, tmp_path / 'out.json')
    assert status == 2
    assert '8 mistakes in 7 files' in err
    for words in (
        "a.json, shapes[3] ('y/visible', group 5): a polygon has 3 points or more, got 1",
        "a.json, shapes[4] ('z'): label 'z' ends in neither",
        "b.json: picture 'b.png' not found",
        'is 40 x 20 px, the labels were drawn on 40 x 30 px',
        'd.png cannot be read: truncated PNG',
        'e.json: it is not JSON',
        "f.json: no labelme file: expected a dict with a list 'shapes', got list",
        f'g.json: picture a.png belongs to {labels / "a.json"} already',
    ):
        assert words in err, words
    status, out, err = run(labels, tmp_path / 'out.json', '--skip-broken')
    assert status == 0
    assert '8 mistakes in 7 files, listed above: what they concern was left out' in err
    assert '1 pictures, 1 objects' in out
    # No half object: the amodal shape of group 5 went with its broken visible one.
    assert read(tmp_path / 'out.json')['categories'] == [{'id': 1, 'name': 'x'}]


def test_mistakes_in_the_command(run: Run, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out.json'
    assert 'folder of labelme files not found' in run(tmp_path / 'no', out, '--img-dir', labels)[2]
    assert 'holds no labelme file' in run(labels, out)[2]
    assert 'is no folder' in run(labels, out, '--img-dir', labels / 'a.png')[2]
    write_labels(labels / 'a.json', [])
    assert 'holds no object' in run(labels, out)[2]
    write_labels(labels / 'a.json', [box('x/amodal', 0, 0, 9, 9)])
    assert 'two pictures or more' in run(labels, out, '--val', tmp_path / 'val.json')[2]
    assert 'is OUT itself' in run(labels, out, '--val', out)[2]
    assert '--val-ratio lies between' in run(labels, out, '--val-ratio', '1')[2]
    said = run(labels, out, '--categories', 'y')[2]
    assert "category 'x' is not among ['y']" in said
    assert not out.exists()
