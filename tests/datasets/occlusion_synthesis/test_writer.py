"""Synthesised occlusions on disk."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from c2fseg.datasets.occlusion_synthesis.writer import write_occlusions
from c2fseg.registry import DATASETS
from c2fseg.structures import decode_mask

from ..photographs import LOAD, H, W, instances, write_photographs


def write(root: Path, out: Path, **arguments) -> Path:
    """All whole objects of the photographs, hidden."""
    occlusion = {'type': 'SynthesizedOcclusion', 'occluders': instances(root), 'prob': 1.0}
    arguments = {'workers': 1, 'progress': False, **arguments}
    return write_occlusions(instances(root), occlusion, out, **arguments)[0]


def content_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_what_is_written_is_an_amodal_data_set_with_the_truth(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    file = write(tmp_path, tmp_path / 'out', copies=3, image_format='png')
    dataset = DATASETS.build(
        {
            'type': 'CocoAmodalDataset',
            'ann_file': str(file),
            'data_prefix': {'img': str(tmp_path / 'out/images')},
            'pipeline': LOAD,
        }
    )
    assert len(dataset) == 6  # two whole objects, three times each
    whole = DATASETS.build(instances(tmp_path))
    for number, results in enumerate(dataset):
        before = whole[number // 3]
        amodal, visible = results['gt_amodal_mask'], results['gt_visible_mask']
        assert np.array_equal(amodal, before['gt_amodal_mask'])
        assert not (visible & ~amodal & 1).any()
        assert 0 < visible.sum() <= amodal.sum()
        # A PNG loses nothing: beyond three soft pixels the visible part looks as before.
        core = cv2.erode(visible[0], np.ones((13, 13), np.uint8)) != 0
        assert np.array_equal(results['img'][0][core], before['img'][0][core])
    hidden = [dataset.get_data_info(i)['occlusion_rate'] for i in range(6)]
    assert len({round(rate, 4) for rate in hidden}) > 3  # every copy another occlusion
    entries = json.loads(file.read_text())['annotations']
    assert [entry['source_annotation_id'] for entry in entries] == [1, 1, 1, 6, 6, 6]


def test_a_seed_gives_the_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    for name, options in {
        'one': {}, 'two': {'workers': 2}, 'other': {'seed': 1}
    }.items():  # fmt: skip
        write(tmp_path, tmp_path / name, copies=2, **options)
    one, two, other = (content_of(tmp_path / name) for name in ('one', 'two', 'other'))
    assert one == two
    assert one.keys() == other.keys()
    assert one != other


def test_a_broken_picture_leaves_no_annotation_file(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    write(tmp_path, tmp_path / 'out')
    picture = tmp_path / 'photographs/3.png'
    picture.write_bytes(picture.read_bytes()[:500])
    with pytest.raises(OSError, match=r'3\.png'):
        write(tmp_path, tmp_path / 'out')
    assert not (tmp_path / 'out/annotations.json').exists()


def test_pictures_have_the_size_of_their_source(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    file = write(tmp_path, tmp_path / 'out', quality=90)
    content = json.loads(file.read_text())
    for entry in content['images']:
        image = cv2.imread(str(tmp_path / 'out/images' / entry['file_name']))
        assert image.shape[:2] == (entry['height'], entry['width']) == (H, W)
    masks = [decode_mask(a['segmentation'], H, W) for a in content['annotations']]
    assert [int(mask.sum()) for mask in masks] == [900, 2400]


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        ({'copies': 0}, ValueError, 'copies'),
        ({'seed': -1}, ValueError, 'seed'),
        ({'workers': 0}, ValueError, 'workers'),
        ({'image_format': 'bmp'}, ValueError, 'image_format'),
        ({'quality': 0}, ValueError, 'quality'),
        ({'out': 'instances.json'}, NotADirectoryError, 'is a file'),
    ],
)
def test_bad_arguments(tmp_path: Path, options: dict, error: type, message: str) -> None:
    write_photographs(tmp_path)
    out = tmp_path / options.pop('out', 'out')
    with pytest.raises(error, match=message):
        write(tmp_path, out, **options)


def test_bad_settings_leave_an_earlier_data_set_alone(tmp_path: Path) -> None:
    write_photographs(tmp_path)
    write(tmp_path, tmp_path / 'out')
    before = content_of(tmp_path / 'out')
    occlusion = {'type': 'SynthesizedOcclusion', 'occluders': instances(tmp_path)}
    with pytest.raises(ValueError, match='hidden_range'):
        write_occlusions(
            instances(tmp_path), {**occlusion, 'hidden_range': (0.7, 0.1)}, tmp_path / 'out'
        )
    with pytest.raises(FileNotFoundError, match='missing'):
        write_occlusions(
            {**instances(tmp_path), 'ann_file': 'missing.json'}, occlusion, tmp_path / 'out'
        )
    assert content_of(tmp_path / 'out') == before
