"""The lists and pickles of the published release, on small files written as they are described."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from c2fseg.datasets import KINSListDataset
from c2fseg.registry import DATASETS
from c2fseg.utils.launch import one_sentence_errors
from tests.datasets.lists import (
    FIRST,
    SECOND,
    H,
    W,
    masks_of,
    polygon,
    record,
    rectangle,
    write_picture,
)
from tests.tools.loading import load_tool

ROOT = Path(__file__).parents[2]


@pytest.fixture
def kins(tmp_path: Path) -> Path:
    """Image 7 of KINS v1 and image 3 of KINS 2020 are the same picture, a.png."""
    write_picture(tmp_path / 'image_2' / 'a.png', (250, 100, 10))
    write_picture(tmp_path / 'image_2' / 'b.png', (5, 6, 7))
    sizes = {'width': W, 'height': H}
    v1 = [{'id': 7, 'file_name': 'a.png', **sizes}, {'id': 3, 'file_name': 'b.png', **sizes}]
    v2 = [{'id': 3, 'file_name': 'a.png', **sizes}, {'id': 7, 'file_name': 'b.png', **sizes}]
    annotations = [
        # Between them one of the other image: positions count within an image.
        {'id': 51, 'image_id': 3, 'category_id': 4, 'a_segm': polygon(0, 0, 20, 10)},
        {'id': 52, 'image_id': 7, 'category_id': 2, 'a_segm': polygon(20, 20, 30, 30)},
        {'id': 53, 'image_id': 3, 'category_id': 2, 'a_segm': polygon(5, 20, 25, 36)},
    ]
    boxes = ([0, 0, 10, 10], [20, 20, 10, 10], [5, 20, 10, 16])
    for annotation, (x, y, w, h) in zip(annotations, boxes):
        annotation |= {'i_segm': polygon(x, y, x + w, y + h), 'i_bbox': [x, y, w, h]}
    write = lambda name, content: (tmp_path / name).write_text(json.dumps(content))  # noqa: E731
    names = [{'id': 2, 'name': 'pedestrian'}, {'id': 4, 'name': 'car'}]
    write('v1.json', {'images': v1, 'annotations': [], 'categories': []})
    write('2020.json', {'images': v2, 'annotations': annotations, 'categories': names})
    fusion = {'aisformer_7': [record(FIRST), record(SECOND)]}
    (tmp_path / 'fusion.pkl').write_bytes(pickle.dumps(fusion))
    (tmp_path / 'both.pkl').write_bytes(pickle.dumps({7: [record(FIRST), record(SECOND)]}))
    (tmp_path / 'mixed.txt').write_text('aisformer,7,1  # predicted\n\n3_1_2\naisformer,7,0\n')
    (tmp_path / 'vq.txt').write_text('3_0_4\n7_0_2\n')
    (tmp_path / 'both.txt').write_text('7_0\n7_1\n')
    return tmp_path


def open_kins(root: Path, name: str, **changes: Any) -> KINSListDataset:
    arguments = {
        'ann_file': name,
        'data_root': str(root),
        'data_prefix': {'img': 'image_2'},
        'pickle_file': 'fusion.pkl',
        'annotation_file': '2020.json',
        'image_file': 'v1.json',
    }
    return KINSListDataset(**{**arguments, **changes})


class TestKins:
    def test_given_masks_by_position_in_their_image(self, kins: Path) -> None:
        dataset = open_kins(kins, 'vq.txt', pickle_file=None, image_file=None)
        first, second = (dataset.get_data_info(i) for i in range(2))
        assert [first['annotation_id'], second['annotation_id']] == [51, 52]
        assert first['category'] == 'car'
        assert first['image_id'] == 3
        assert Path(first['img_paths'][0]).name == 'a.png'
        assert np.array_equal(masks_of(first, 'visible'), rectangle(0, 0, 10, 10))
        assert np.array_equal(masks_of(first, 'amodal'), rectangle(0, 0, 20, 10))
        assert first['window_boxes'].tolist() == [[0, 0, 10, 10]]
        assert first['occlusion_rate'] == pytest.approx(0.5)
        assert 'input_segmentations' not in first  # the model sees the truth
        assert dataset.metainfo['classes'] == ('pedestrian', 'car')

    def test_mixed_list_keeps_both_id_spaces_apart(self, kins: Path) -> None:
        dataset = open_kins(kins, 'mixed.txt', given_channel_order='bgr')
        records = [dataset.get_data_info(i) for i in range(3)]
        assert [r['annotation_id'] for r in records] == ['aisformer_1', 53, 'aisformer_0']
        assert [r['image_id'] for r in records] == [7, 3, 7]
        # 7 of the v1 file and 3 of the 2020 file are one picture.
        assert {Path(r['img_paths'][0]).name for r in records} == {'a.png'}
        assert [r['channel_order'] for r in records] == ['rgb', 'bgr', 'rgb']
        assert [r['category'] for r in records] == ['unknown', 'pedestrian', 'unknown']
        assert np.array_equal(masks_of(records[2], 'input'), rectangle(*FIRST[0]))
        assert np.array_equal(masks_of(records[2], 'visible'), rectangle(*FIRST[1]))
        assert np.array_equal(masks_of(records[2], 'amodal'), rectangle(*FIRST[2]))
        assert np.allclose(records[2]['window_boxes'], [[10.6, 10.3, 20.6, 30.8]])
        # The model is given the true mask of the other, and the metric is told.
        assert np.array_equal(masks_of(records[1], 'input'), rectangle(5, 20, 15, 36))
        assert len({r['sample_id'] for r in records}) == 3

    @pytest.mark.parametrize('form', ['pkl', 'json'])
    def test_intersection_set(self, kins: Path, form: str) -> None:
        if form == 'json':
            convert = load_tool('dataset_converters/pickle_to_json').convert
            convert(kins / 'both.pkl', kins / 'both.json')
        arguments = {'pickle_file': f'both.{form}', 'annotation_file': None}
        dataset = open_kins(kins, 'both.txt', test_mode=True, **arguments)
        records = [dataset.get_data_info(i) for i in range(2)]
        assert [r['sample_id'] for r in records] == ['7_0', '7_1']
        assert np.array_equal(masks_of(records[1], 'input'), rectangle(*SECOND[0]))
        assert np.array_equal(masks_of(records[1], 'visible'), rectangle(*SECOND[1]))
        assert records[0]['occlusion_rate'] == pytest.approx(0.5)

    def test_records_may_hold_arrays(self, kins: Path) -> None:
        changed = record(FIRST)
        changed['pred_visible_mask_bbox'] = np.array(changed['pred_visible_mask_bbox'], np.float32)
        changed['gt_full_mask'] = [np.array(part) for part in changed['gt_full_mask']]
        changed['pred_visible_mask']['size'] = (np.int64(H), np.int64(W))
        (kins / 'both.pkl').write_bytes(pickle.dumps({'7': {0: changed, 1: record(SECOND)}}))
        plain = open_kins(kins, 'mixed.txt').get_data_info(2)
        found = open_kins(kins, 'both.txt', pickle_file='both.pkl').get_data_info(0)
        for kind in ('input', 'visible', 'amodal'):
            assert np.array_equal(masks_of(found, kind), masks_of(plain, kind))
        assert np.allclose(found['window_boxes'], plain['window_boxes'])

    def test_the_published_crop_and_colours(self, kins: Path) -> None:
        dataset = open_kins(
            kins,
            'mixed.txt',
            given_channel_order='bgr',
            pipeline=[
                {'type': 'LoadFrames', 'channel_order': 'record'},
                {'type': 'LoadAmodalMasks'},
                {'type': 'CropObject', 'crop_size': 32, 'box_from': 'record'},
                {'type': 'PackAmodalInputs', 'pack_full_masks': True},
            ],
        )
        predicted, given = dataset[2], dataset[1]
        assert predicted['inputs']['img'][0, :, 16, 16].tolist() == [250, 100, 10]
        assert given['inputs']['img'][0, :, 16, 16].tolist() == [10, 100, 250]
        # Columns: box 10.6 to 20.6, centre floor(15.6) = 15, length 20: 5 to 25, the last included.
        # Rows: 10.3 to 30.8, centre floor(20.55) = 20, length int(41.0) = 41, half 20: 0 to 40.
        box = predicted['data_samples'].crop_boxes.tolist()
        assert box == [[5, 0, 26, 40]]
        sample = predicted['data_samples']
        assert np.array_equal(sample.input_masks.visible[0], rectangle(*FIRST[0]) > 0)
        assert np.array_equal(sample.gt_masks.visible[0], rectangle(*FIRST[1]) > 0)
        assert np.array_equal(
            given['data_samples'].input_masks.visible[0], rectangle(5, 20, 15, 36)
        )

    def test_a_picture_of_another_size(self, kins: Path) -> None:
        write_picture(kins / 'image_2' / 'a.png', (250, 100, 10), (2 * W, 2 * H))
        arguments = {'pickle_file': 'both.pkl', 'annotation_file': None}
        dataset = open_kins(kins, 'both.txt', pipeline=[{'type': 'LoadFrames'}], **arguments)
        with pytest.raises(ValueError, match=r'\(80, 120\), its annotations say \(40, 60\)'):
            dataset[0]
        steps = [{'type': 'LoadFrames', 'size_mismatch': 'resize'}]
        found = open_kins(kins, 'both.txt', pipeline=steps, **arguments)[0]['img']
        assert found.shape == (1, H, W, 3)
        with Image.open(kins / 'image_2' / 'a.png') as image:
            resized = np.asarray(image.resize((W, H), Image.Resampling.LANCZOS))
        assert np.array_equal(found[0], resized)

    def test_repeats_count_once_in_a_test(self, kins: Path, notes: list[str]) -> None:
        (kins / 'both.txt').write_text('7_0\n7_1\n7_0\n')
        arguments = {'pickle_file': 'both.pkl', 'annotation_file': None}
        assert len(open_kins(kins, 'both.txt', test_mode=True, **arguments)) == 2
        assert any('1 objects: listed before; first: line 3 of' in note for note in notes)
        assert len(open_kins(kins, 'both.txt', **arguments)) == 3

    @pytest.mark.parametrize(
        ('line', 'error', 'words'),
        [
            ('aisformer,7', ValueError, r'expected img_pos_cat, name,img,pos or img_pos'),
            (
                'aisformer,7,1,2',
                ValueError,
                r"line 1 of .*mixed\.txt: expected .* got 'aisformer,7",
            ),
            ('3', ValueError, 'expected img_pos_cat'),
            ('3_0_4_1', ValueError, 'expected img_pos_cat'),
            ('3_x_4', ValueError, "the position is a whole number, got 'x'"),
            ('-3_0_4', ValueError, 'the image is a whole number'),
            ('3_0_4 3_1_2', ValueError, 'without white space'),
            (
                '3_2_4',
                IndexError,
                r'line 1 of .*image 3 of 2020\.json has 2 annotations.*position 2',
            ),
            ('99_0_4', IndexError, 'has 0 annotations'),
            ('aisformer,7,2', IndexError, r"line 1 of .*record 2 of 'aisformer_7'.*has 2 records"),
            ('vrsp,7,0', KeyError, r"line 1 of .*no key 'vrsp_7'"),
            ('aisformer,9,0', KeyError, r'v1\.json has no image 9'),
        ],
    )
    def test_wrong_lines(self, kins: Path, line: str, error: type, words: str) -> None:
        (kins / 'mixed.txt').write_text(f'{line}\n')
        with pytest.raises(error, match=words):
            open_kins(kins, 'mixed.txt')

    @pytest.mark.parametrize(
        ('missing', 'words'),
        [('pickle_file', 'give pickle_file'), ('annotation_file', 'give annotation_file, the KINS'),
         ('image_file', 'give image_file, the KINS v1')],
    )  # fmt: skip
    def test_files_that_the_list_needs(self, kins: Path, missing: str, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            open_kins(kins, 'mixed.txt', **{missing: None})
        with pytest.raises(FileNotFoundError, match=r'not found: .*gone\.'):
            open_kins(kins, 'mixed.txt', **{missing: 'gone.pkl'})

    @pytest.mark.parametrize(
        ('change', 'error', 'words'),
        [
            ({'gt_full_mask': None}, KeyError, "key 'gt_full_mask' is missing, found"),
            ({'pred_visible_mask': [[1, 2]]}, TypeError, 'is an RLE with a size'),
            ({'pred_visible_mask_bbox': [1, 2, -3, 4]}, ValueError, 'sides of 0 or more'),
            ({'pred_visible_mask_bbox': [1, 2]}, ValueError, r'is \[x, y, width, height\]'),
            ({'pred_visible_mask_bbox': [float('nan'), 2, 3, 4]}, ValueError, r'got \[nan'),
            ({'gt_visible_mask': {'size': [4, 4], 'counts': b'@0'}}, ValueError, r'\[4, 4\]'),
        ],
    )
    def test_wrong_records(self, kins: Path, change: dict, error: type, words: str) -> None:
        spoiled = {**record(FIRST), **change}
        spoiled = {key: value for key, value in spoiled.items() if value is not None}
        (kins / 'both.pkl').write_bytes(pickle.dumps({7: [spoiled, record(SECOND)]}))
        with pytest.raises(error, match=words) as caught:
            open_kins(kins, 'both.txt', pickle_file='both.pkl')
        assert 'line 1 of' in str(caught.value)

    def test_commands_say_it_in_one_sentence(
        self, kins: Path, capsys: pytest.CaptureFixture
    ) -> None:
        (kins / 'vq.txt').write_text('3_2_4\n')
        with pytest.raises(SystemExit), one_sentence_errors():
            open_kins(kins, 'vq.txt')
        assert capsys.readouterr().err.startswith(f'error: line 1 of {kins}/vq.txt: image 3 of')

    def test_pickles_are_read_by_the_restricted_reader(self, kins: Path) -> None:
        (kins / 'fusion.pkl').write_bytes(pickle.dumps({'aisformer_7': Path('x')}))
        with pytest.raises(ValueError, match='expected plain data'):
            open_kins(kins, 'mixed.txt')
        (kins / 'fusion.pkl').write_bytes(pickle.dumps([1, 2]))
        with pytest.raises(TypeError, match='expected a dict of records, got list'):
            open_kins(kins, 'mixed.txt')

    def test_a_category_that_disagrees_is_noted(self, kins: Path, notes: list[str]) -> None:
        (kins / 'vq.txt').write_text('3_0_2\n')
        assert open_kins(kins, 'vq.txt').get_data_info(0)['category'] == 'car'
        assert any('category of the list' in note for note in notes)

    def test_v1_in_place_of_2020(self, kins: Path) -> None:
        content = json.loads((kins / '2020.json').read_text())
        for annotation in content['annotations']:
            annotation['inmodal_seg'] = annotation.pop('i_segm')
            annotation['segmentation'] = annotation.pop('a_segm')
        (kins / '2020.json').write_text(json.dumps(content))
        with pytest.raises(KeyError, match=r"line 1 of .*'a_segm' is missing.*KINS v1"):
            open_kins(kins, 'vq.txt')

    def test_wrong_arguments(self, kins: Path) -> None:
        with pytest.raises(ValueError, match='given_channel_order'):
            open_kins(kins, 'vq.txt', given_channel_order='record')
        with pytest.raises(ValueError, match='the lists say themselves'):
            open_kins(kins, 'vq.txt', visible_mask_file='results.json')


class TestConfigs:
    """The published recipes read such files, from the config to the score."""

    @pytest.fixture
    def config(self, kins: Path) -> Callable[[str], Config]:
        for split in ('training', 'testing'):
            (kins / split).mkdir()
            (kins / split / 'image_2').symlink_to(kins / 'image_2')
        (kins / 'annotations').mkdir()
        for source, targets in {
            'v1.json': ('annotations/instances_val.json', 'annotations/instances_train.json'),
            '2020.json': tuple(f'annotations/update_{s}_2020.json' for s in ('train', 'test')),
            'fusion.pkl': ('fusion_train.pkl', 'fusion_test.pkl'),
            'mixed.txt': ('c2f_seg_train_list.txt', 'c2f_seg_test_list.txt'),
            'both.pkl': ('kins_intersection.pkl',),
            'both.txt': ('kins_intersection_list.txt',),
        }.items():
            for target in targets:
                (kins / target).write_bytes((kins / source).read_bytes())

        def load(name: str) -> Config:
            found = Config.fromfile(ROOT / f'configs/official/{name}.py')
            for split in ('train', 'val', 'test'):
                found[f'{split}_dataloader'].dataset.data_root = str(kins)
            return found

        return load

    def test_intersection_scores(
        self, config: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The given mask as the answer, so that the scores are known by hand."""
        settings = config('c2f_kins_intersection_official')
        steps = settings.test_dataloader.dataset.pipeline
        steps[-1].pack_full_visible = True
        run = Config.fromfile(ROOT / 'configs/trivial_visible_shapes.py')
        run.test_dataloader = settings.test_dataloader
        run.test_dataloader |= {'num_workers': 0, 'persistent_workers': False}
        run.test_evaluator = settings.test_evaluator
        run.dump(tmp_path / 'run.py')
        monkeypatch.chdir(tmp_path)
        out = tmp_path / 'found.json'
        load_tool('test').main([str(tmp_path / 'run.py'), 'none', '--out', str(out)])
        first, second = json.loads(out.read_text())
        assert [first['annotation_id'], second['annotation_id']] == [0, 1]
        # Columns: P 11 to 20, V 10 to 19, A 10 to 29.
        assert first['iou_full'] == pytest.approx(10 / 20)
        assert first['iou_occ'] == pytest.approx(1 / 10, abs=1e-6)
        assert first['visible_source'] == 'pred:kins_intersection'
        # P has 8 of the 10 columns of A, and nothing is hidden.
        assert second['iou_full'] == pytest.approx(8 / 10)
        assert second['iou_occ'] is None

    def test_mixed_lists(self, config: Callable) -> None:
        settings = config('c2f_kins_lists_official')
        init_default_scope('c2fseg')
        train = DATASETS.build(settings.train_dataloader.dataset)
        test = DATASETS.build(settings.test_dataloader.dataset)
        colours = [[s[i]['inputs']['img'][0, :, 9, 9].tolist() for i in range(3)]
                   for s in (train, test)]  # fmt: skip
        rgb, bgr = [250, 100, 10], [10, 100, 250]
        assert colours == [[rgb, bgr, rgb], [rgb, rgb, rgb]]
        assert settings.test_evaluator.visible_source == 'pred:aisformer'
        assert all('input_masks' in test[i]['data_samples'] for i in range(3))


def test_bgr_of_all_records(kins: Path) -> None:
    steps = [{'type': 'LoadFrames', 'channel_order': 'bgr'}]
    found = open_kins(kins, 'vq.txt', pipeline=steps)[0]['img'][0]
    assert np.array_equal(found, cv2.imread(str(kins / 'image_2' / 'a.png')))
