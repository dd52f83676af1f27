"""Frames and masks of clips, the masks in id maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from c2fseg.datasets.transforms import LoadAmodalMasks, LoadFrames, SampleClip
from c2fseg.datasets.transforms import loading as loading_module
from c2fseg.structures import encode_mask
from tests.datasets.clips import SIZE, ball, id_map, references


def test_masks_come_out_of_id_maps(tmp_path: Path) -> None:
    results = LoadAmodalMasks()(references(tmp_path))
    maps = np.stack([id_map(t) for t in range(3)])
    for key in ('visible_mask', 'gt_visible_mask'):
        assert np.array_equal(results[key], maps == 1)
    assert np.array_equal(results['evaluable_mask'], maps != 300)
    for t in range(3):
        assert np.array_equal(np.argwhere(results['gt_amodal_mask'][t])[0], [10, 5 * t])
    assert results['gt_amodal_mask'].sum(axis=(1, 2)).tolist() == [100, 100, 100]
    for key in ('visible_mask', 'gt_visible_mask', 'gt_amodal_mask', 'evaluable_mask'):
        assert results[key].dtype == np.uint8
        assert set(np.unique(results[key])) == {0, 1}
    # Hidden: none, then columns 14 of 5-14, then 14 to 19 of 10-19, each in 8 rows.
    assert results['occlusion_rate'] == pytest.approx((0 + 8 * 1 + 8 * 6) / 300)


def test_kinds_of_coded_masks_mix_and_a_given_rate_stays(tmp_path: Path) -> None:
    record = references(tmp_path) | {'occlusion_rate': 0.25}
    record['amodal_segmentations'] = [encode_mask(ball(20, 20, 9)), [], [[3, 3, 9, 3, 9, 9]]]
    del record['evaluable_segmentations']
    results = LoadAmodalMasks()(record)
    assert np.array_equal(results['gt_amodal_mask'][0], ball(20, 20, 9))
    assert results['gt_amodal_mask'][1:].any(axis=(1, 2)).tolist() == [False, True]
    assert results['occlusion_rate'] == 0.25
    assert 'evaluable_mask' not in results


def test_padding_copies_do_not_count_in_the_occlusion_rate(tmp_path: Path) -> None:
    results = LoadAmodalMasks()(SampleClip(7, 'start')(references(tmp_path)))
    assert results['gt_amodal_mask'].shape == (7, *SIZE)
    assert results['occlusion_rate'] == pytest.approx(56 / 300)


def test_every_file_is_read_once_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    for name in ('read_id_map', 'read_rgb'):
        reader = getattr(loading_module, name)

        def counting(path: str, *args: Any, reader: Any = reader) -> np.ndarray:
            read.append(path)
            return reader(path, *args)

        monkeypatch.setattr(loading_module, name, counting)
    results = LoadAmodalMasks()(LoadFrames()(SampleClip(5, 'start')(references(tmp_path))))
    assert len(read) == len(set(read)) == 9
    assert results['img'].shape == (5, *SIZE, 3)
    assert np.array_equal(results['img'][4], results['img'][2])
    assert not np.array_equal(results['img'][1], results['img'][2])
    results['img'][4] = 0
    assert results['img'][2].any()  # a copy, not a view
    # The file may change between two calls.
    cv2.imwrite(str(tmp_path / 'full_0.png'), np.zeros(SIZE, np.uint8))
    assert not LoadAmodalMasks()(references_again(tmp_path))['visible_mask'][0].any()


def references_again(folder: Path) -> dict[str, Any]:
    kept = (folder / 'full_0.png').read_bytes()
    record = references(folder)
    (folder / 'full_0.png').write_bytes(kept)
    return record


def spoil(kind: str, path: Path) -> None:
    ids = id_map(1)
    if kind == 'gone':
        path.unlink()
    elif kind == 'truncated':
        path.write_bytes(path.read_bytes()[:-30])
    elif kind == 'text':
        path.write_bytes(b'no picture')
    elif kind == 'size':
        cv2.imwrite(str(path), ids[:-1])
    elif kind == 'jpeg':
        path.write_bytes(cv2.imencode('.jpg', ids.astype(np.uint8))[1].tobytes())
    elif kind == '1 bit':
        Image.fromarray(ids > 0).save(path)
    else:
        Image.fromarray(ids.astype(np.uint8)).convert(kind).save(path)


@pytest.mark.parametrize(
    ('kind', 'error', 'words'),
    [
        ('gone', FileNotFoundError, 'not found'),
        ('truncated', OSError, 'truncated PNG'),
        ('text', OSError, 'cannot be read'),
        ('size', ValueError, r'\(47, 64\), expected \(48, 64\)'),
        ('jpeg', ValueError, 'is no PNG'),
        ('1 bit', ValueError, '1-bit grey PNG'),
        ('RGB', ValueError, '8-bit RGB PNG: expected one channel'),
        ('RGBA', ValueError, '8-bit RGB with alpha PNG'),
        ('LA', ValueError, 'grey with alpha'),
    ],
)
def test_bad_id_maps_name_object_frame_and_file(
    tmp_path: Path, kind: str, error: type, words: str
) -> None:
    record = references(tmp_path)
    spoil(kind, tmp_path / 'full_1.png')
    with pytest.raises(error, match=words) as caught:
        LoadAmodalMasks()(record)
    message = str(caught.value)
    assert message.startswith('annotation 4 of list.txt (video ')
    assert '), visible mask of frame 1: ' in message
    assert 'full_1.png' in message


def test_a_palette_counts_by_its_places(tmp_path: Path) -> None:
    record = references(tmp_path)
    image = Image.fromarray(id_map(1).astype(np.uint8))
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    image.save(tmp_path / 'full_1.png')
    results = LoadAmodalMasks()(record)
    assert np.array_equal(results['visible_mask'][1], id_map(1) == 1)


def test_only_an_object_without_any_pixel_is_refused(tmp_path: Path) -> None:
    record = references(tmp_path)
    for t in (0, 2):  # hidden, and out of view
        record['visible_segmentations'][t] = []
    record['amodal_segmentations'][2] = []
    results = LoadAmodalMasks()(record)
    assert results['visible_mask'].any(axis=(1, 2)).tolist() == [False, True, False]
    assert results['gt_amodal_mask'].any(axis=(1, 2)).tolist() == [True, True, False]
    for kind in ('visible', 'amodal'):
        record = references(tmp_path)
        for reference in record[f'{kind}_segmentations']:
            reference['values'] = (99,)
        with pytest.raises(ValueError, match=rf'annotation 4 of list\.txt.*{kind} mask is empty'):
            LoadAmodalMasks()(record)
