"""A detector's masks in place of the true visible ones: matching, the way to a score, mistakes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from PIL import Image
from scipy.optimize import linear_sum_assignment

from c2fseg.datasets import CocoAmodalDataset, FishbowlDataset, KINSDataset
from c2fseg.datasets.visible_mask_file import Detection, VisibleMaskFile
from c2fseg.structures import decode_mask, encode_mask
from tests.tools.loading import load_tool

H, W = 40, 60
ROOT = Path(__file__).parents[2]


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((H, W), np.uint8)
    mask[y0:y1, x0:x1] = 1
    return mask


# (visible, amodal) of the objects of image 1: the first is half hidden, the second whole.
FIRST = ((10, 10, 20, 30), (10, 10, 30, 30))
SECOND = ((40, 5, 50, 15), (40, 5, 50, 15))
SHIFTED = (11, 10, 21, 30)  # IoU 9 * 20 / (11 * 20) = 0.818 with the first
PART = (10, 10, 16, 30)  # IoU 0.6 with the first
FAR = (44, 5, 54, 15)  # IoU 6 * 10 / (14 * 10) = 0.43 with the second


def entry(corners: tuple, score: float = 0.9, image: Any = 1, category: int = 1) -> dict[str, Any]:
    return {
        'image_id': image,
        'category_id': category,
        'segmentation': encode_mask(rectangle(*corners)),
        'score': score,
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Image.new('RGB', (W, H), (90, 120, 30)).save(tmp_path / 'a.png')
    Image.new('RGB', (W, H), (9, 12, 30)).save(tmp_path / 'b.png')
    images = [
        {'id': number, 'file_name': name, 'width': W, 'height': H}
        for number, name in ((1, 'a.png'), (2, 'b.png'))
    ]
    objects = [(11, 1, FIRST), (12, 1, SECOND), (21, 2, FIRST)]
    annotations = [
        {'id': number, 'image_id': image, 'category_id': 1,
         'i_segm': encode_mask(rectangle(*visible)), 'a_segm': encode_mask(rectangle(*amodal))}
        for number, image, (visible, amodal) in objects
    ]  # fmt: skip
    content = {'images': images, 'annotations': annotations}
    content['categories'] = [{'id': 1, 'name': 'thing'}, {'id': 2, 'name': 'other'}]
    (tmp_path / 'truth.json').write_text(json.dumps(content))
    return tmp_path


@pytest.fixture
def opened(root: Path) -> Callable[..., KINSDataset]:
    """Write results and open the data set on them."""

    def make(results: Any, **arguments: Any) -> KINSDataset:
        (root / 'results.json').write_text(json.dumps(results))
        return KINSDataset(
            'truth.json', data_root=str(root), visible_mask_file='results.json', **arguments
        )

    return make


def given_masks(dataset: KINSDataset) -> dict[int, np.ndarray]:
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    return {r['annotation_id']: decode_mask(r['input_segmentations'][0], H, W) for r in records}


class TestMatching:
    def test_best_overlap_wins_and_the_truth_stays(self, opened: Callable, notes: list) -> None:
        results = [entry(PART, 0.99), entry(SHIFTED, 0.5), entry(FAR), entry(SHIFTED, image=2)]
        dataset = opened(results)
        found = given_masks(dataset)
        assert list(found) == [11, 21]
        assert np.array_equal(found[11], rectangle(*SHIFTED))
        record = dataset.get_data_info(0)
        truth = decode_mask(record['visible_segmentations'][0], H, W)
        assert np.array_equal(truth, rectangle(*FIRST[0]))
        assert record['occlusion_rate'] == pytest.approx(0.5)  # of the truth
        text = '\n'.join(notes)
        assert '2 of 3 objects matched (IoU >= 0.5, mean IoU 0.818), 2 of 4 masks not used' in text
        assert '1 objects: no mask in' in text
        assert 'annotation 12 of image 1' in text

    def test_each_mask_serves_once(self, root: Path, opened: Callable) -> None:
        """Two objects want the same mask: the one that fits better gets it."""
        content = json.loads((root / 'truth.json').read_text())
        content['annotations'][1] |= {
            'i_segm': encode_mask(rectangle(10, 10, 20, 28)),
            'a_segm': encode_mask(rectangle(10, 10, 20, 28)),
        }
        (root / 'truth.json').write_text(json.dumps(content))
        exact = entry((10, 10, 20, 28))
        assert list(given_masks(opened([exact]))) == [12]
        # With a second mask the other object takes what is left, although the first is its best.
        found = given_masks(opened([exact, entry(PART)]))
        assert np.array_equal(found[11], rectangle(*PART))
        assert np.array_equal(found[12], rectangle(10, 10, 20, 28))

    def test_ties_go_to_the_higher_score(self, opened: Callable) -> None:
        left, right = (9, 10, 19, 30), (11, 10, 21, 30)  # the same IoU
        for scores, expected in (((0.4, 0.6), right), ((0.6, 0.4), left), ((0.5, 0.5), left)):
            found = given_masks(opened([entry(left, scores[0]), entry(right, scores[1])]))
            assert np.array_equal(found[11], rectangle(*expected))

    def test_thresholds(self, opened: Callable) -> None:
        results = [entry(SHIFTED, 0.3), entry(PART, 0.8), entry(FAR, 0.9)]
        assert list(given_masks(opened(results, visible_match_iou=0.9, unmatched='keep_gt'))) == [
            11, 12, 21,
        ]  # fmt: skip
        assert list(given_masks(opened(results, visible_match_iou=0.4))) == [11, 12]
        found = given_masks(opened(results, visible_min_score=0.5))
        assert np.array_equal(found[11], rectangle(*PART))

    def test_category(self, opened: Callable) -> None:
        results = [entry(SHIFTED, category=2), entry(PART, category=1)]
        assert np.array_equal(given_masks(opened(results))[11], rectangle(*SHIFTED))
        found = given_masks(opened(results, visible_match_category=True))
        assert np.array_equal(found[11], rectangle(*PART))

    def test_unmatched(self, opened: Callable) -> None:
        results = [entry(SHIFTED)]
        kept = given_masks(opened(results, unmatched='keep_gt'))
        assert list(kept) == [11, 12, 21]
        assert np.array_equal(kept[12], rectangle(*SECOND[0]))
        with pytest.raises(ValueError, match=r'2 of 3 objects have no mask.*annotation 12 of im'):
            opened(results, unmatched='stop')

    def test_polygons_and_uncompressed_counts(self, opened: Callable) -> None:
        polygon = entry(SHIFTED) | {'segmentation': [[11, 10, 21, 10, 21, 30, 11, 30]]}
        assert np.array_equal(given_masks(opened([polygon]))[11], rectangle(*SHIFTED))

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=6))
    def test_no_assignment_is_better_where_truths_do_not_overlap(self, shifts: list) -> None:
        """Above one half, the sum of overlaps is what scipy's optimal assignment reaches."""
        truths = [rectangle(x, 10, x + 10, 30) for x in (0, 12, 24, 40)]
        masks = [rectangle(x, 10 + y, x + 10, 30) for x, y in shifts]
        iou = np.array([[(t & m).sum() / (t | m).sum() for m in masks] for t in truths])
        iou = np.where(iou > 0.5, iou, 0)
        rows, columns = linear_sum_assignment(iou, maximize=True)
        best = iou[rows, columns].sum()
        records = [{'category_id': 1, 'visible_segmentations': [encode_mask(t)]} for t in truths]
        detections = [Detection(encode_mask(m), 1.0, 1) for m in masks]
        matches = VisibleMaskFile('x', match_iou=0.5 + 1e-9)._match(records, detections)
        assert sum(iou for _, _, iou in matches) == pytest.approx(best)
        assert len({m for _, m, _ in matches}) == len({t for t, _, _ in matches}) == len(matches)


class TestChain:
    """From the config to the score: the visible mask is the answer, so all is known by hand."""

    @pytest.fixture
    def score(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., tuple[dict, dict]]:
        monkeypatch.chdir(tmp_path)

        def run(results: list, source: str, **arguments: Any) -> tuple[dict, dict]:
            (root / 'results.json').write_text(json.dumps(results))
            config = Config.fromfile(ROOT / 'configs/trivial_visible_shapes.py')
            config.test_dataloader.num_workers = 0
            config.test_dataloader.persistent_workers = False
            config.test_dataloader.dataset.update(
                data_root=str(root), ann_file='truth.json', data_prefix={'img': ''}, **arguments
            )
            config.test_evaluator = dict(type='AmodalIoU', visible_source=source)
            config.dump(tmp_path / 'config.py')
            out = tmp_path / 'predictions.json'
            load_tool('test').main([str(tmp_path / 'config.py'), 'none', '--out', str(out)])
            scores = {e['annotation_id']: e for e in json.loads(out.read_text())}
            files = sorted((tmp_path / 'work_dirs').rglob('*.json'), key=os.path.getmtime)
            return scores, json.loads(files[-1].read_text().splitlines()[-1])

        return run

    def test_objects_that_were_found(self, score: Callable) -> None:
        entries, table = score(
            [entry(SHIFTED), entry(FAR)], 'pred:toy', visible_mask_file='results.json'
        )
        assert list(entries) == [11]
        # P = columns 11 to 20; A = 10 to 29; V = 10 to 19: |P and A| = 10, |P or A| = 20 columns;
        # without V: P has column 20, A has 20 to 29.
        assert entries[11]['iou_full'] == pytest.approx(0.5)
        assert entries[11]['iou_occ'] == pytest.approx(0.1, abs=1e-6)
        assert table['c2f-image/pred:toy/refined/raw/mIoU_full'] == pytest.approx(0.5)
        assert table['c2f-image/pred:toy/refined/post/mIoU_occ'] == pytest.approx(0.1, abs=1e-6)

    def test_kept_objects_count_too(self, score: Callable) -> None:
        arguments = {'visible_mask_file': 'results.json', 'unmatched': 'keep_gt'}
        entries, table = score([entry(SHIFTED)], 'pred:toy', **arguments)
        assert list(entries) == [11, 12, 21]
        # 0.5, 1 (the truth, whole) and 0.5 (the truth, half hidden)
        assert table['c2f-image/pred:toy/refined/raw/mIoU_full'] == pytest.approx(2 / 3)

    def test_the_source_has_to_be_named(self, score: Callable, capsys: Any) -> None:
        with pytest.raises(SystemExit):
            score([entry(SHIFTED)], 'gt', visible_mask_file='results.json')
        assert 'carries input_masks, so the model was not given' in capsys.readouterr().err
        with pytest.raises(SystemExit):
            score([entry(SHIFTED)], 'pred:toy')
        said = capsys.readouterr().err
        assert 'no input_masks.visible' in said
        assert "visible_source is 'gt'" in said


def test_the_crop_follows_what_the_model_is_given(opened: Callable) -> None:
    steps = [
        {'type': 'LoadFrames'},
        {'type': 'LoadAmodalMasks'},
        {'type': 'CropObject', 'crop_size': 32},
        {'type': 'PackAmodalInputs', 'pack_full_masks': True},
    ]
    item = opened([entry(SHIFTED)], pipeline=steps)[0]
    # Columns 11 to 21: centre 16, length 20: 6 to 26, the last included.
    assert item['data_samples'].crop_boxes[0, [0, 2]].tolist() == [6, 27]
    sample = item['data_samples']
    assert np.array_equal(sample.input_masks.visible[0], rectangle(*SHIFTED) > 0)
    assert np.array_equal(sample.gt_masks.visible[0], rectangle(*FIRST[0]) > 0)
    given, truth = item['inputs']['visible_mask'][0, 0], sample.gt_crop_masks.visible[0]
    assert not np.array_equal(given, truth)


def test_all_data_sets_in_coco_layout_have_it(root: Path) -> None:
    content = json.loads((root / 'truth.json').read_text())
    for annotation in content['annotations']:
        annotation |= {
            'segmentation': annotation.pop('a_segm'), 'visible_mask': annotation.pop('i_segm'),
        }  # fmt: skip
    (root / 'custom.json').write_text(json.dumps(content))
    (root / 'results.json').write_text(json.dumps([entry(SHIFTED)]))
    dataset = CocoAmodalDataset(
        'custom.json', data_root=str(root), visible_mask_file='results.json'
    )
    assert list(given_masks(dataset)) == [11]


class TestMistakes:
    @pytest.mark.parametrize(
        ('results', 'error', 'words'),
        [
            ({'annotations': []}, TypeError, 'expected COCO results.*got an annotation file'),
            ({}, TypeError, 'got a dict'),
            ([], ValueError, 'holds no mask'),
            ([7], TypeError, 'entry 0 of .*expected a dict, got int'),
            ([entry(SHIFTED), entry(PART, image=9), entry(PART, image='1')], ValueError,
             r'entry 1 of .*image_id 9 \(nor for 1 entries more; its ids are like 1\)'),
            ([{'image_id': 1, 'score': 1.0}], KeyError, "'segmentation' is missing, found"),
            ([entry(SHIFTED) | {'segmentation': {'size': [4, 4], 'counts': '@0'}}], ValueError,
             r'entry 0 of .*\(image 1\): mask of size .*\[4, 4\]'),
            ([entry(SHIFTED) | {'segmentation': 'x'}], TypeError, 'entry 0 of .*RLE dict'),
            ([entry(SHIFTED) | {'score': 'high'}], TypeError, "score is a number, got 'high'"),
        ],
    )  # fmt: skip
    def test_files(self, opened: Callable, results: Any, error: type, words: str) -> None:
        with pytest.raises(error, match=words):
            opened(results)

    def test_keys_that_arguments_need(self, opened: Callable) -> None:
        bare = [{key: entry(SHIFTED)[key] for key in ('image_id', 'segmentation')}]
        assert len(opened(bare)) == 1
        with pytest.raises(KeyError, match="'category_id' is missing"):
            opened(bare, visible_match_category=True)
        with pytest.raises(KeyError, match="'score' is missing"):
            opened(bare, visible_min_score=0.1)
        with pytest.raises(ValueError, match=r'holds no mask with a score of 0\.95 or more'):
            opened([entry(SHIFTED, 0.9)], visible_min_score=0.95)

    def test_nothing_matches(self, opened: Callable) -> None:
        with pytest.raises(ValueError, match='no object is left'):
            opened([entry(FAR)])

    def test_no_file_and_no_json(self, root: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r'visible_mask_file not found: .*gone\.json'):
            KINSDataset('truth.json', data_root=str(root), visible_mask_file='gone.json')
        (root / 'half.json').write_text('[{')
        with pytest.raises(ValueError, match=r'half\.json is not JSON'):
            KINSDataset('truth.json', data_root=str(root), visible_mask_file='half.json')

    @pytest.mark.parametrize(
        ('arguments', 'words'),
        [
            ({'visible_match_iou': 0.0}, 'visible_match_iou'),
            ({'visible_match_iou': 1.5}, 'visible_match_iou'),
            ({'unmatched': 'ignore'}, "unmatched is one of .*'ignore'"),
        ],
    )
    def test_arguments(self, opened: Callable, arguments: dict, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            opened([entry(SHIFTED)], **arguments)

    def test_arguments_without_effect(self, root: Path) -> None:
        with pytest.raises(ValueError, match='give that file, or leave them out'):
            KINSDataset('truth.json', data_root=str(root), unmatched='keep_gt')

    def test_clips_are_refused(self, root: Path) -> None:
        mask = [encode_mask(rectangle(*FIRST[0]))]
        track = {str(t): {'VM': mask, 'FM': mask, 'loss_mask_weight': mask} for t in range(2)}
        (root / 'fish.json').write_text(json.dumps({'00000_1': track}))
        (root / 'results.json').write_text(json.dumps([entry(SHIFTED)]))
        with pytest.raises(ValueError, match='expected objects of single pictures'):
            FishbowlDataset(
                'fish.json', data_root=str(root), frame_size=(H, W),
                visible_mask_file='results.json',
            )  # fmt: skip
