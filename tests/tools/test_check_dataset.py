"""check_dataset: everything that is wrong is found and named, nothing stops it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from c2fseg.datasets.checking import gather
from tests.datasets import coco_files

from .loading import load_tool

REPOSITORY = Path(__file__).parents[2]
KINS_MINI = REPOSITORY / 'tests' / 'data' / 'kins_mini'
Check = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    return load_tool('analysis_tools/check_dataset')


@pytest.fixture
def check(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Calls the tool in this process; gives status, output and JSON report."""

    def call(*arguments: Any) -> tuple[int, str, dict[str, Any]]:
        out = tmp_path / 'out'
        words = [str(argument) for argument in arguments]
        status = tool.main([*words, '--out', str(out), '--workers', '1'])
        return status, capsys.readouterr().out, json.loads((out / 'report.json').read_text())

    return call


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A data set of own data that is in order: an annotation file and two pictures."""
    coco_files.write_pictures(tmp_path / 'images', 'a.png')
    noise = np.random.default_rng(1).integers(0, 255, (coco_files.H, coco_files.W, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / 'images' / 'b.png')
    return coco_files.write(tmp_path / 'own.json', coco_files.objects())


def messages(report: dict[str, Any], kind: str) -> list[str]:
    return [entry['message'] for entry in report['findings'] if entry['kind'] == kind]


# ---------------------------------------------------------------- what is counted


def test_a_data_set_in_order(check: Check, own: Path, tmp_path: Path) -> None:
    status, out, report = check(own, '--img-prefix', tmp_path / 'images')
    assert status == 0
    assert (report['broken'], report['remarks'], report['findings']) == (0, 0, [])
    assert 'nothing is broken, and there is nothing to remark' in out
    [split] = report['splits']
    assert split['name'] == 'own'
    assert split['flavour'] == 'COCOA-cls, D2SA or custom COCO JSON'
    assert split['pictures'] == {
        'listed': 2,
        'read': 2,
        'usable': 2,
        'without_annotations': 1,
        'most_objects': 2,
        'sizes': {'60 x 40': 2},
    }
    assert split['objects'] == {
        'read': 2, 'with_usable_masks': 2, 'crowds': 0, 'fully_hidden': 0
    }  # fmt: skip
    assert split['per_category'] == {'box': 1, 'shelf': 1}
    hidden = split['hidden_share']
    assert (hidden['unoccluded'], hidden['over_5_percent'], hidden['mean']) == (1, 1, 0.25)
    # Half hidden: the bin from 50 to 55 %.
    assert {edge: n for edge, n in zip(hidden['bin_edges'], hidden['counts']) if n} == {0.5: 1}
    assert split['amodal_area']['0'] == 400
    assert split['amodal_area']['100'] == 800
    assert split['visible_area']['50'] == 400
    # The shelf's box is that of A, 20 px wider than that of V; the other object is whole.
    assert split['boxes']['bbox'] == {
        'meaning': None,
        'compared': 2,
        'amodal': {'within_2_px': 2, 'median_px': 0.0, 'largest_px': 0.0},
        'visible': {'within_2_px': 1, 'median_px': 10.0, 'largest_px': 20.0},
    }
    assert '50-60 %            1 ####' in out
    picture = cv2.imread(str(tmp_path / 'out' / 'hidden_share.png'))
    assert picture.shape[1] > 600
    assert len(np.unique(picture)) > 2


@pytest.mark.parametrize('name', ['kins_2020', 'kins_v1'])
def test_both_flavours_of_kins(check: Check, name: str) -> None:
    path = KINS_MINI / f'{name}.json'
    _, _, report = check(path, '--img-prefix', KINS_MINI / 'image_2')
    [split] = report['splits']
    content = json.loads(path.read_text())
    assert split['pictures']['usable'] == len(content['images'])
    crowds = split['objects']['crowds']
    assert split['objects']['read'] + crowds == len(content['annotations'])
    meanings = {key: box['meaning'] for key, box in split['boxes'].items()}
    assert sorted(meanings.values()) == ['amodal', 'visible']
    # The fixture's own traps, and no others.
    assert set(report['kinds']) <= {
        'fully hidden', 'visible outside amodal', 'box disagrees with its mask', 'empty amodal mask'
    }  # fmt: skip


def test_original_cocoa_from_a_folder(check: Check, tmp_path: Path) -> None:
    folder = tmp_path / 'cocoa'
    coco_files.write(folder / '7.json', coco_files.single(377, 7))
    broken = coco_files.single(400, 8)
    broken['regions'][0]['segmentation'] = [1, 2]
    del broken['regions'][1]['isStuff']
    broken['depth_constraint'] = '1-9'
    coco_files.write(folder / '8.json', {**broken, 'depth_constraint': ''})
    coco_files.write(folder / '9.json', {**broken, 'id': 500})
    coco_files.write_pictures(folder, '7.png')
    status, _, report = check(folder, '--img-prefix', folder)
    assert status == 1
    assert report['splits'][0]['flavour'] == 'COCOA (original)'
    assert report['splits'][0]['per_category'] == {'box': 2, 'shelf': 1}
    assert "pair '1-9', there are regions 1 to 2" in messages(report, 'wrong value')[0]
    [missing] = messages(report, 'missing key')
    assert missing.startswith("region 2 of annotation 400 of 8.json: key 'isStuff' is missing")
    [unreadable] = messages(report, 'unreadable mask')
    assert unreadable.startswith('region 1 of annotation 400 of 8.json: amodal mask: no usable')
    assert 'image 8: ' in messages(report, 'missing picture')[0]


# ---------------------------------------------------------------- what is wrong


def test_every_broken_annotation_is_named(check: Check, own: Path, tmp_path: Path) -> None:
    content = json.loads(own.read_text())
    shelf = content['annotations'][0]
    empty = coco_files.runs(np.zeros_like(coco_files.SEEN))
    wide = coco_files.runs(coco_files.box_mask(28, 10, 52, 30))
    changes: list[dict[str, Any]] = [
        {'segmentation': {'size': [4, 4], 'counts': [16]}},  # 20
        {'segmentation': {'size': [40, 60], 'counts': [1, 2]}},
        {'visible_mask': 5},
        {'segmentation': [[0, 0, 1, 1]]},
        {'segmentation': empty},
        {'visible_mask': empty},  # 25
        {'visible_mask': wide},
        {'bbox': [10, 10, 47, 20]},
        {'bbox': [1, 2, 3]},
        {'bbox': [float('nan')] * 4},
        {'image_id': 99},  # 30
        {'category_id': 99},
        {'iscrowd': 1},
        {'segmentation': [['x'] * 6]},
    ]
    for number, change in enumerate(changes, start=20):
        # An area of its own for each, so that none repeats another.
        own_area = {'visible_mask': coco_files.runs(coco_files.box_mask(30, 10, 50, number - 8))}
        content['annotations'].append({**shelf, **own_area, 'id': number, **change})
    content['annotations'] += [{**shelf}, {'id': 40}, 7, {**shelf, 'id': 41}]
    content['images'] += [{'id': 8}, {'id': 9, 'file_name': 'c.png', 'height': 0, 'width': 4}]
    coco_files.write(own, content)
    status, out, report = check(own, '--img-prefix', tmp_path / 'images')
    assert status == 1
    expected = {
        'mask of another size': ['annotation 20 of own.json: amodal mask: mask of size [H, W]'],
        'unreadable mask': [
            'annotation 21 of own.json: amodal mask: broken RLE: its runs cover 3 pixels',
            'annotation 22 of own.json: visible mask: a mask is an RLE dict or a list of polygons',
            'annotation 23 of own.json: amodal mask: no usable polygon',
            'annotation 33 of own.json: amodal mask: a polygon is a flat list of numbers',
        ],
        'empty amodal mask': ['annotation 24 of own.json: its amodal mask has no pixel'],
        'fully hidden': ['annotation 25 of own.json: its visible mask has no pixel'],
        'visible outside amodal': [
            'annotation 26 of own.json: 40 visible px lie outside the amodal mask, 5.0%'
        ],
        'box disagrees with its mask': [
            'annotation 27 of own.json: bbox is 7.0 px off the amodal box and 20.0 px off the '
            'visible box'
        ],
        'box without numbers': ['annotation 29 of own.json: bbox is [nan'],
        'annotated twice': [
            'annotation 11 of own.json: the same masks as annotation 41 of own.json'
        ],
        'wrong kind of value': ['annotations[18] of own.json is a dict, got int'],
        'wrong value': [
            'image 9 of own.json: height is a whole number',
            'annotation 28 of own.json: bbox is [x, y, width, height]',
            'annotation 30 of own.json: no image has the image_id 99',
            'annotation 31 of own.json: category_id 99 is not among [3, 90]',
            'annotation 11 of own.json: this id is used twice',
        ],
        'missing key': [
            "image 8 of own.json: key 'file_name' is missing",
            "annotation 40 of own.json: key 'image_id' is missing",
        ],
    }
    for kind, starts in expected.items():
        found = messages(report, kind)
        assert len(found) == len(starts), (kind, found)
        for message, start in zip(found, starts):
            assert message.startswith(start), message
            assert message in out
    assert set(report['kinds']) == set(expected)
    remarks = {entry['kind'] for entry in report['findings'] if not entry['broken']}
    assert remarks == {
        'fully hidden', 'visible outside amodal', 'box disagrees with its mask', 'annotated twice'
    }  # fmt: skip
    assert report['splits'][0]['objects']['crowds'] == 1
    assert report['splits'][0]['outside']['objects_over_1_percent'] == 1


def test_pictures(check: Check, own: Path, tmp_path: Path) -> None:
    """Missing, truncated, of another size, no picture at all; one is there twice."""
    folder = tmp_path / 'images'
    whole = (folder / 'a.png').read_bytes()
    (folder / 'half.png').write_bytes(whole[:300])
    (folder / 'text.png').write_text('no picture')
    coco_files.write_pictures(folder, 'large.png', size=(50, 60))
    Image.open(folder / 'a.png').save(folder / 'again.bmp')
    names = ['gone.png', 'half.png', 'text.png', 'large.png', 'again.bmp']
    content = json.loads(own.read_text())
    content['images'] += [coco_files.image(20 + n, name) for n, name in enumerate(names)]
    coco_files.write(own, content)
    status, _, report = check(own, '--img-prefix', folder)
    assert status == 1
    assert messages(report, 'missing picture')[0].startswith('image 20: image file not found')
    broken = messages(report, 'broken picture')
    assert [message[:8] for message in broken] == ['image 21', 'image 22']
    [size] = messages(report, 'picture of another size')
    assert size.startswith('image 23: ')
    assert '(50, 60), its annotations say (40, 60)' in size
    [twice] = messages(report, 'picture twice in a split')
    assert 'a.png (image 7 of own)' in twice
    assert 'again.bmp (image 24 of own)' in twice
    assert report['splits'][0]['pictures']['usable'] == 3
    _, out, report = check(own, '--img-prefix', folder, '--no-pictures')
    assert report['broken'] == 0
    assert 'not read' in out


def test_duplicates_between_splits(check: Check, own: Path, tmp_path: Path) -> None:
    """Equal pictures under other names and formats, and a compressed one under the same name."""
    smooth = cv2.resize(
        np.random.default_rng(3).integers(0, 255, (4, 6, 3), np.uint8), (60, 40),
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    Image.fromarray(smooth).save(tmp_path / 'images' / 'b.png')
    other = tmp_path / 'other'
    other.mkdir()
    Image.open(tmp_path / 'images' / 'a.png').save(other / 'renamed.bmp')
    Image.fromarray(smooth).save(other / 'B copy (2).jpg', quality=60)
    coco_files.write_pictures(other / 'sub', 'a.png')
    Image.fromarray(smooth[::-1].copy()).save(other / 'sub' / 'a.png')
    content = coco_files.objects()
    names = ['renamed.bmp', 'B copy (2).jpg', 'sub/a.png']
    content['images'] = [coco_files.image(7 + n, name) for n, name in enumerate(names)]
    second = coco_files.write(tmp_path / 'val.json', content)
    status, _, report = check(own, second, '--img-prefix', tmp_path / 'images', other)
    assert status == 1
    assert [split['name'] for split in report['splits']] == ['own', 'val']
    [same] = messages(report, 'picture in two splits')
    assert 'a.png (image 7 of own)' in same
    assert 'renamed.bmp (image 7 of val)' in same
    [near] = messages(report, 'near-duplicate in two splits')
    assert 'b.png (image 8 of own)' in near
    assert 'B copy (2).jpg (image 8 of val)' in near
    assert report['findings'][-1]['split'] == 'all splits'
    # Not read, names are all that can be said.
    third = coco_files.write(tmp_path / 'third.json', coco_files.objects())
    status, _, report = check(own, third)
    assert status == 0
    [names_only] = messages(report, 'same names in two splits')
    assert 'own and third share 2 file names of pictures (a.png, b.png)' in names_only


def test_files_that_cannot_be_read_do_not_hide_the_others(
    check: Check, own: Path, tmp_path: Path
) -> None:
    torn = tmp_path / 'torn.json'
    torn.write_text('{"images": [')
    mixed = coco_files.objects()
    mixed['annotations'][1]['a_segm'] = []
    other = coco_files.write(tmp_path / 'mixed.json', mixed)
    empty = tmp_path / 'empty'
    empty.mkdir()
    status, out, report = check(torn, other, empty, own)
    assert status == 1
    found = messages(report, 'annotation file cannot be read')
    assert 'torn.json is not JSON' in found[0]
    assert 'mixes two flavours' in found[1]
    assert 'holds no JSON file' in found[2]
    assert report['splits'][3]['objects']['with_usable_masks'] == 2
    assert 'read as      unknown' in out


def test_remarks_break_with_strict_only(check: Check, own: Path) -> None:
    content = json.loads(own.read_text())
    del content['annotations'][0]['visible_mask']
    coco_files.write(own, content)
    status, out, report = check(own)
    assert (status, report['broken'], report['remarks']) == (0, 0, 1)
    assert 'no object has a visible_mask: all of them count as unoccluded' in out
    assert check(own, '--strict')[0] == 1


def test_lists_are_cut_and_the_report_is_not(check: Check, own: Path) -> None:
    content = json.loads(own.read_text())
    box = content['annotations'][1]
    content['annotations'] = [{**box, 'id': n, 'segmentation': 'x'} for n in range(5)]
    coco_files.write(own, content)
    _, out, report = check(own, '--list', 2)
    assert out.count('a mask is an RLE dict') == 2
    assert '... and 3 more, all in the JSON report' in out
    assert len(messages(report, 'unreadable mask')) == 5


# ---------------------------------------------------------------- configs and commands


def config_of(folder: Path, own: Path, **val: Any) -> Path:
    dataset = dict(
        type='CocoAmodalDataset', data_root=str(folder), ann_file=own.name,
        data_prefix=dict(img='images'),
    )  # fmt: skip
    lines = [
        f'train_dataloader = dict(dataset=dict(type="MixedDataset", datasets=[{dataset}]))',
        f'val_dataloader = dict(dataset={dataset | val})',
        f'test_dataloader = dict(dataset={dataset | val})',
    ]
    path = folder / 'config.py'
    path.write_text('\n'.join(lines))
    return path


def test_a_config_says_what_to_read(check: Check, own: Path, tmp_path: Path) -> None:
    """Validation and test read one file, which is read once; a wrapper is looked into."""
    val = coco_files.write(tmp_path / 'val.json', coco_files.objects())
    path = config_of(tmp_path, own, ann_file=val.name, bbox='visible')
    status, _, report = check(path)
    assert [split['name'] for split in report['splits']] == ['train', 'val, test']
    assert status == 1  # both read the same pictures
    assert len(messages(report, 'picture in two splits')) == 2
    # The box of the shelf is declared visible, and it is that of A.
    [box] = messages(report, 'box disagrees with its mask')
    assert box == 'annotation 11 of val.json: bbox is 20.0 px off the visible box'
    report = check(path, '--no-pictures', '--cfg-options', 'test_dataloader=None')[2]
    assert [split['name'] for split in report['splits']] == ['train', 'val']
    missing = config_of(tmp_path, own, ann_file='gone.json')
    report = check(missing)[2]
    [message] = messages(report, 'annotation file cannot be read')
    assert 'gone.json' in message


def test_mistakes_in_the_command(
    tool: ModuleType, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: Any) -> str:
        with pytest.raises(SystemExit) as stop:
            tool.main([*map(str, arguments), '--out', str(tmp_path / 'out')])
        assert stop.value.code == 2
        return capsys.readouterr().err

    assert 'Annotation file no.json does not exist' in said('no.json')
    assert 'Config no.py does not exist' in said('no.py')
    assert 'Give one config alone' in said(config_of(tmp_path, own), own)
    assert '--cfg-options override a config' in said(own, '--cfg-options', 'a=1')
    assert 'folder nowhere does not exist' in said(own, '--img-prefix', 'nowhere')
    assert 'one for each of the 1 files, got 2' in said(own, '--img-prefix', tmp_path, tmp_path)
    assert '--workers is at least 1' in said(own, '--workers', 0)
    clips = REPOSITORY / 'configs' / 'c2f_movid_a.py'
    assert 'MOViDADataset holds clips' in said(clips)
    (tmp_path / 'bare.py').write_text('model = dict()')
    assert 'no data set with an annotation file' in said(tmp_path / 'bare.py')
    assert not (tmp_path / 'out').exists()


def test_processes_find_the_same(
    tool: ModuleType, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    content = json.loads(own.read_text())
    box = content['annotations'][1]
    content['annotations'] += [{**box, 'id': 100 + n, 'segmentation': 'x'} for n in range(30)]
    coco_files.write(own, content)
    monkeypatch.setattr(gather, 'OBJECTS_WORTH_PROCESSES', 1)
    reports = []
    for workers in (1, 2):
        out = tmp_path / f'out{workers}'
        words = [own, '--img-prefix', tmp_path / 'images', '--out', out, '--workers', workers]
        assert tool.main([str(word) for word in words]) == 1
        reports.append((out / 'report.json').read_text())
    assert reports[0] == reports[1]
    assert reports[0].count('unreadable mask') == 31
