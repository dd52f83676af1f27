"""to_coco_instances: the visible masks of the source, as pycocotools and detectors read them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from c2fseg.structures import encode_mask
from tests.tools.loading import load_tool

tool = load_tool('dataset_converters/to_coco_instances')
CATEGORIES = [{'id': 3, 'name': 'cup'}, {'id': 7, 'name': 'bowl'}]


def coded(mask: np.ndarray) -> dict:
    rle = encode_mask(mask)
    counts = rle['counts']
    return {'size': [6, 8], 'counts': counts if isinstance(counts, str) else counts.decode()}


def write_kins(path: Path, broken: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Two objects: A is 4 x 4 px, V its left half; the second is hidden wholly."""
    amodal = np.zeros((6, 8), bool)
    amodal[1:5, 2:6] = True
    visible = amodal.copy()
    visible[:, 4:] = False
    shared = {'image_id': 5, 'iscrowd': 0, 'a_segm': coded(amodal), 'a_bbox': [2, 1, 4, 4]}
    annotations = [
        {**shared, 'id': 11, 'category_id': 7, 'i_segm': coded(visible), 'i_bbox': [2, 1, 2, 4]},
        {**shared, 'id': 12, 'category_id': 3, 'i_segm': coded(visible & False),
         'i_bbox': [0, 0, 0, 0]},
    ]  # fmt: skip
    if broken:
        annotations[1]['i_segm'] = {'size': [6, 8], 'counts': 5}
    images = [{'id': 5, 'file_name': 'a.png', 'height': 6, 'width': 8}]
    content = {'images': images, 'annotations': annotations, 'categories': CATEGORIES}
    path.write_text(json.dumps(content))
    return visible, amodal


def run(*arguments: object) -> None:
    tool.main([str(argument) for argument in arguments])


def test_visible_masks_alone_with_their_ids(tmp_path: Path, capsys) -> None:
    visible, _ = write_kins(tmp_path / 'kins.json')
    run(tmp_path / 'kins.json', tmp_path / 'out.json')
    said = capsys.readouterr().out
    assert '1 pictures, 1 visible masks, 2 categories' in said
    assert '1 objects without a visible pixel' in said
    coco = COCO(str(tmp_path / 'out.json'))
    assert [category['name'] for category in coco.loadCats([3, 7])] == ['cup', 'bowl']
    assert list(coco.anns) == [11]
    entry = coco.anns[11]
    assert (entry['image_id'], entry['category_id'], entry['iscrowd']) == (5, 7, 0)
    assert (entry['area'], entry['bbox']) == (8, [2, 1, 2, 4])
    np.testing.assert_array_equal(coco.annToMask(entry), visible)


def test_mmdet_reads_the_file(tmp_path: Path) -> None:
    from mmdet.datasets import CocoDataset

    write_kins(tmp_path / 'kins.json')
    run(tmp_path / 'kins.json', tmp_path / 'out.json')
    dataset = CocoDataset(
        ann_file=str(tmp_path / 'out.json'),
        metainfo=dict(classes=('bowl',)),
        data_prefix=dict(img=''),
        pipeline=[],
    )
    (instance,) = dataset.get_data_info(0)['instances']
    assert instance['bbox'] == [2, 1, 4, 5]  # xyxy
    assert instance['bbox_label'] == 0


@pytest.mark.parametrize(
    ('source', 'said'),
    [('none.json', 'Annotation file not found'), ('broken.json', '1 mistakes, the first is')],
)
def test_nothing_is_written_where_something_is_wrong(tmp_path, capsys, source, said) -> None:
    write_kins(tmp_path / 'broken.json', broken=True)
    with pytest.raises(SystemExit) as stop:
        run(tmp_path / source, tmp_path / 'out.json')
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / 'out.json').exists()


def test_broken_objects_are_left_out_if_asked(tmp_path: Path, capsys) -> None:
    write_kins(tmp_path / 'broken.json', broken=True)
    run(tmp_path / 'broken.json', tmp_path / 'out.json', '--skip-broken')
    assert '1 broken' in capsys.readouterr().out


def test_the_source_is_not_overwritten(tmp_path: Path) -> None:
    write_kins(tmp_path / 'kins.json')
    before = (tmp_path / 'kins.json').read_bytes()
    with pytest.raises(SystemExit):
        run(tmp_path / 'kins.json', tmp_path / 'kins.json')
    assert (tmp_path / 'kins.json').read_bytes() == before
