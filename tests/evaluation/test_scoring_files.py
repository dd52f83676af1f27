"""Reading prediction files, joining them with the truth: every rule, and every broken file."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from c2fseg.evaluation.scoring import join, open_truth, read_predictions, visible_source_of
from c2fseg.structures import decode_mask, encode_mask
from tests.evaluation.prediction_files import (
    HEIGHT,
    WIDTH,
    annotation,
    bar,
    coded,
    entry,
    write_predictions,
    write_truth,
)

KINS_MINI = Path(__file__).parents[1] / 'data' / 'kins_mini'
SIZES = {1: (HEIGHT, WIDTH), 'two': (HEIGHT, WIDTH)}


def read(tmp_path, entries, **kwargs):
    return read_predictions(write_predictions(tmp_path, entries), SIZES, **kwargs)


def test_masks_of_all_kinds_are_read(tmp_path) -> None:
    runs = {'size': [HEIGHT, WIDTH], 'counts': [0, 1, 1, 1, 197]}  # column by column
    found = read(
        tmp_path,
        [
            entry(0, 10, annotation_id=7, visible_segmentation=coded(0, 4), score=0.25),
            {'image_id': 'two', 'segmentation': runs, 'category_id': 3, 'bbox': [0, 0, 2, 1]},
            {'image_id': 1, 'segmentation': [[0, 0, 10, 0, 10, 1, 0, 1]]},
        ],
    )
    np.testing.assert_array_equal(decode_mask(found[0].amodal, HEIGHT, WIDTH), bar(0, 10))
    np.testing.assert_array_equal(decode_mask(found[0].visible, HEIGHT, WIDTH), bar(0, 4))
    np.testing.assert_array_equal(decode_mask(found[1].amodal, HEIGHT, WIDTH), bar(0, 2))
    np.testing.assert_array_equal(decode_mask(found[2].amodal, HEIGHT, WIDTH), bar(0, 10))
    assert (found[0].annotation_id, found[0].score, found[1].annotation_id) == (7, 0.25, None)
    assert (found[1].category_id, found[1].box, found[1].score) == (3, (0, 0, 2, 1), None)


BROKEN = {
    'another image': (entry(0, 9, image=5), "no image 5 .its images are 1, 'two'"),
    'an image of another kind': (entry(0, 9, image='1'), "no image '1'"),
    'no image': ({'segmentation': coded(0, 9)}, 'has no image_id'),
    'no mask': ({'image_id': 1}, 'has no segmentation; found'),
    'another size': (
        {'image_id': 1, 'segmentation': {'size': [3, 4], 'counts': [12]}},
        r'segmentation: mask of size .* = \[3, 4\]',
    ),
    'broken runs': (
        {'image_id': 1, 'segmentation': {'size': [HEIGHT, WIDTH], 'counts': [5, 5]}},
        'broken RLE',
    ),
    'a broken visible mask': (entry(0, 9, visible_segmentation='x'), 'visible_segmentation: a m'),
    'a score that is text': (entry(0, 9, score='high'), 'score is a finite number'),
    'a score that is NaN': (entry(0, 9, score=math.nan), 'score is a finite number, got nan'),
    'an infinite score': (entry(0, 9, score=math.inf), 'score is a finite number, got inf'),
    'an id that is a list': (entry(0, 9, annotation_id=[1]), 'annotation_id is a number'),
    'a frame': (entry(0, 9, frame=3), 'is of a clip'),
    'a box': (entry(0, 9, bbox=[0, 0, -1, 2]), 'bbox is'),
    'a source': (entry(0, 9, visible_source='truth'), "visible_source is 'gt'"),
    'a number': (3, 'expected a dict, got int'),
}


@pytest.mark.parametrize('name', BROKEN)
def test_broken_entries_are_named(tmp_path, name: str) -> None:
    wrong, message = BROKEN[name]
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        read(tmp_path, [entry(0, 9), wrong])
    assert 'entry 1 of' in str(caught.value)


def test_an_object_is_predicted_once(tmp_path) -> None:
    with pytest.raises(ValueError, match=r'entry 1 .* and entry 0 both predict object 7'):
        read(tmp_path, [entry(0, 9, annotation_id=7), entry(0, 8, annotation_id=7)])
    entries = [entry(0, 9, annotation_id=7, frame=0), entry(0, 8, annotation_id=7, frame=1)]
    assert [one.frame for one in read(tmp_path, entries, clips=True)] == [0, 1]
    with pytest.raises(ValueError, match='in frame 0'):
        read(tmp_path, [entries[0], entries[0]], clips=True)
    with pytest.raises(ValueError, match='no annotation_id and no frame'):
        read(tmp_path, [entry(0, 9)], clips=True)
    with pytest.raises(TypeError, match='frame is the number'):
        read(tmp_path, [entry(0, 9, annotation_id=7, frame='0')], clips=True)
    with pytest.raises(ValueError, match='holds no prediction'):
        read(tmp_path, [])


# ---------------------------------------------------------------- joining


@pytest.fixture
def truth(tmp_path):
    """Two neighbours in image 1, one object in image 2, none in image 3."""
    objects = [
        annotation(11, 0, 20, 10),
        annotation(12, 20, 40, 30),
        annotation(13, 0, 20, 20, image=2, category=2),
    ]
    return open_truth(write_truth(tmp_path, objects))


def joined(truth, tmp_path, entries, **kwargs):
    return join(
        truth,
        read_predictions(write_predictions(tmp_path, entries), truth.image_sizes),
        **kwargs,
    )


def numbers(result) -> list[int | None]:
    """The entries of the objects."""
    return [one[None].number if one else None for one in result.objects]


def test_ids_go_before_masks(truth, tmp_path) -> None:
    # The mask of the first entry is the other object's.
    result = joined(truth, tmp_path, [entry(20, 40, annotation_id=11), entry(20, 38), entry(0, 19)])
    assert numbers(result) == [0, 1, None]
    assert result.rules == ['annotation_id', 'amodal IoU', '']
    assert result.ious[1] == pytest.approx(0.9)
    assert math.isnan(result.ious[0])
    assert [one.number for one in result.surplus] == [2]
    assert result.missing == [2]


def test_visible_masks_are_matched_with_visible_masks(truth, tmp_path) -> None:
    # By amodal masks the entry would be object 12; it sees what is visible of 11.
    result = joined(truth, tmp_path, [entry(20, 40, visible_segmentation=coded(0, 8))])
    assert numbers(result) == [0, None, None]
    assert result.rules[0] == 'visible IoU'
    assert result.ious[0] == pytest.approx(0.8)


def test_the_threshold_is_included(truth, tmp_path) -> None:
    half = [entry(0, 10), entry(0, 20, image=2)]
    assert numbers(joined(truth, tmp_path, half)) == [0, None, 1]
    assert numbers(joined(truth, tmp_path, half, match_iou=0.51)) == [None, None, 1]
    for wrong in (0, 1.5):
        with pytest.raises(ValueError, match='match_iou'):
            joined(truth, tmp_path, half, match_iou=wrong)


def test_the_order_of_the_file_makes_no_difference(truth, tmp_path) -> None:
    entries = [entry(a, a + 20, score=0.5) for a in range(0, 30, 3)]
    entries += [entry(1, 21, score=0.9), entry(1, 21, score=0.1)]

    def found(order: list[dict]) -> list:
        result = joined(truth, tmp_path, order)
        return [[(p.score, p.amodal['counts']) for p in one.values()] for one in result.objects]

    expected = found(entries)
    for seed in range(5):
        random.Random(seed).shuffle(entries)
        assert found(entries) == expected


def test_equal_masks_are_told_apart_by_score(truth, tmp_path) -> None:
    entries = [entry(0, 19, score=0.2), entry(0, 19, score=0.7)]
    assert numbers(joined(truth, tmp_path, entries))[0] == 1


def test_ids_can_be_left_aside(truth, tmp_path) -> None:
    entries = [entry(0, 20, annotation_id=12), entry(20, 40, annotation_id=11)]
    assert numbers(joined(truth, tmp_path, entries)) == [1, 0, None]
    assert numbers(joined(truth, tmp_path, entries, use_ids=False)) == [0, 1, None]


def test_unknown_ids_are_surplus_and_wrong_images_an_error(truth, tmp_path) -> None:
    result = joined(truth, tmp_path, [entry(0, 20, annotation_id=11), entry(0, 5, annotation_id=9)])
    assert [one.number for one in result.surplus] == [1]
    in_empty_image = [entry(0, 20, annotation_id=11), entry(0, 20, image=3)]
    assert [one.number for one in joined(truth, tmp_path, in_empty_image).surplus] == [1]
    with pytest.raises(ValueError, match=r'entry 0 .image 2. names object 11, .* image 1'):
        joined(truth, tmp_path, [entry(0, 20, image=2, annotation_id=11)])
    with pytest.raises(ValueError, match='None of the 1 predictions belongs to any of the 3'):
        joined(truth, tmp_path, [entry(0, 20, annotation_id=1)])


def test_the_source_of_visible_masks(truth, tmp_path) -> None:
    def source(*sources, stated=None) -> str:
        entries = [
            entry(0, 9, annotation_id=11 + n, **({'visible_source': s} if s else {}))
            for n, s in enumerate(sources)
        ]
        path = write_predictions(tmp_path, entries)
        return visible_source_of(read_predictions(path, truth.image_sizes), stated)

    assert source('gt', 'gt') == 'gt'
    assert source(None) == 'pred:file'
    assert source('pred:x', stated='gt') == 'gt'
    with pytest.raises(ValueError, match='gt, pred:x: score them apart'):
        source('gt', 'pred:x')


# ---------------------------------------------------------------- ground truth


def test_all_flavours_are_opened(tmp_path) -> None:
    for name in ('kins_v1.json', 'kins_2020.json'):
        truth = open_truth(KINS_MINI / name)
        assert len(truth.objects) == 6
        assert truth.image_sizes == {11: (72, 120), 12: (64, 101)}
        assert not truth.clips
    region = {
        'segmentation': [0, 0, 10, 0, 10, 2, 0, 2],
        'name': 'rug',
        'isStuff': 1,
        'order': 1,
        'occlude_rate': 0.5,
        'visible_mask': coded(0, 10),
        'invisible_mask': encode_rest(),
    }
    cocoa = {
        'images': [{'id': 1, 'file_name': 'a.png', 'width': WIDTH, 'height': HEIGHT}],
        'annotations': [{'id': 3, 'image_id': 1, 'regions': [region]}],
    }
    path = tmp_path / 'cocoa.json'
    path.write_text(json.dumps(cocoa))
    truth = open_truth(path)
    assert [item.annotation_id for item in truth.objects] == [3001]
    [detected] = truth.detection_truth()
    assert (detected.stuff, detected.stated_share) == (True, 0.5)


def encode_rest() -> dict:
    return encode_mask(np.roll(bar(0, 10), 1, axis=0))


def test_what_detection_scores_know_of_the_truth(tmp_path) -> None:
    objects = [
        annotation(11, 0, 20, 10) | {'occlude_rate': 0.45},
        annotation(12, 20, 40, 30),
        annotation(13, 50, 60, 60) | {'iscrowd': 1},
    ]
    truths = open_truth(write_truth(tmp_path, objects)).detection_truth()
    assert [(t.crowd, t.stated_share) for t in truths] == [
        (False, pytest.approx(0.55)),
        (False, None),
        (True, None),
    ]


def test_truth_that_is_not_there(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match='does not exist'):
        open_truth(tmp_path / 'none.json')
    path = tmp_path / 'test_instance.txt'
    path.write_text('000000_1_1\n')
    with pytest.raises(FileNotFoundError, match='--img-prefix'):
        open_truth(path)
