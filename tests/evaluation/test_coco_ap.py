"""AP and AR of detections: hand-computed cases, the published ranges, agreement with COCOeval."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from c2fseg.evaluation.functional.amodal_ar import average_recall
from c2fseg.evaluation.functional.coco_ap import COCO_MODES, average_precision, get_coco_mode
from c2fseg.evaluation.functional.coco_objects import (
    Detection,
    TruthObject,
    stated_share,
    subtract,
    visible_share,
)

WIDTH = 100


def bar(start: int, end: int) -> dict:
    """A bar of end - start pixels in an image of one line, coded."""
    mask = np.zeros((1, WIDTH), np.uint8)
    mask[0, start:end] = 1
    return coco_mask.encode(np.asfortranarray(mask))


def truth(start: int, end: int, seen: int | None = None, image=1, category=1, **extra):
    """An object [start, end) of which [start, seen) is visible."""
    return TruthObject(image, category, bar(start, end), bar(start, seen or end), **extra)


def found(start: int, end: int, score: float, seen: int | None = None, image=1, category=1):
    return Detection(image, category, score, bar(start, end), bar(start, seen or end))


def test_one_detection_of_two_objects() -> None:
    # IoU 9/10 with the first object: found at .50 to .90, so 9 of 10 thresholds. Precision is 1 up
    # to recall 1/2, which 51 of the 101 recall points reach.
    scores = average_precision([truth(0, 10), truth(20, 30)], [found(0, 9, 0.5)])
    assert scores.values['AP'] == pytest.approx(0.9 * 51 / 101)
    assert scores.values['AP50'] == pytest.approx(51 / 101)
    assert scores.values['AP75'] == pytest.approx(51 / 101)
    assert scores.values['AR@100'] == pytest.approx(0.9 * 0.5)
    assert scores.values['APs'] == scores.values['AP']  # all of 10 pixels
    assert math.isnan(scores.values['APm'])
    assert (scores.objects, scores.ignored, scores.detections) == (2, 0, 1)


def test_a_false_positive_counts_where_it_scores_higher() -> None:
    truths = [truth(0, 10)]
    right, wrong = found(0, 10, 0.5), found(50, 60, 0.9)
    assert average_precision(truths, [right, wrong]).values['AP'] == pytest.approx(0.5)
    low = found(50, 60, 0.1)
    assert average_precision(truths, [right, low]).values['AP'] == pytest.approx(1.0)
    assert average_precision(truths, [right, wrong]).values['AR@1'] == 0.0
    assert average_precision(truths, [right, wrong]).values['AR@10'] == 1.0


def test_a_detection_in_an_image_without_objects_is_wrong() -> None:
    detections = [found(0, 10, 0.5), found(0, 10, 0.9, image='other')]
    assert average_precision([truth(0, 10)], detections).values['AP'] == pytest.approx(0.5)


def test_categories_are_averaged_and_named() -> None:
    truths = [truth(0, 10, category='car'), truth(20, 30, category='dog')]
    detections = [found(0, 10, 0.5, category='car'), found(0, 10, 0.5, category='cat')]
    scores = average_precision(truths, detections)
    assert scores.values['AP'] == pytest.approx(0.5)
    assert scores.by_category['car']['AP'] == pytest.approx(1.0)
    assert scores.by_category['dog']['AP'] == 0.0
    assert set(scores.by_category) == {'car', 'dog'}


def test_masks_are_the_parts_they_are_named_after() -> None:
    # Of 10 pixels 6 are seen; the detection is right about the seen ones and half of the hidden.
    truths, detections = [truth(0, 10, seen=6)], [found(0, 8, 0.5, seen=6)]

    def ap(mask: str) -> float:
        return average_precision(truths, detections, mask=mask).values['AP']

    assert ap('visible') == pytest.approx(1.0)
    assert ap('amodal') == pytest.approx(0.7)  # IoU .8: .50 to .80
    assert ap('occluded') == pytest.approx(0.1)  # IoU 2/4: .50
    assert ap('box') == pytest.approx(0.7)


def test_occluded_takes_only_objects_and_claims_with_a_hidden_part() -> None:
    truths = [truth(0, 10, seen=6), truth(20, 30)]
    detections = [found(0, 10, 0.5, seen=6), found(20, 30, 0.9)]
    scores = average_precision(truths, detections, mask='occluded')
    assert (scores.objects, scores.detections) == (1, 1)
    assert scores.values['AP'] == pytest.approx(1.0)
    # A hidden part that is claimed where nothing is hidden is wrong.
    claims = [found(0, 10, 0.5, seen=6), found(20, 30, 0.9, seen=25)]
    assert average_precision(truths, claims, mask='occluded').values['AP'] == pytest.approx(0.5)
    nothing = average_precision(truths[1:], detections[1:], mask='occluded')
    assert math.isnan(nothing.values['AP'])
    assert nothing.objects == nothing.detections == 0


def test_published_ranges_are_by_the_stated_share() -> None:
    truths = [
        truth(0, 10, seen=5, stated_share=0.5),
        truth(20, 30, seen=28, stated_share=0.8),
        truth(40, 50, stated_share=1.0),
    ]
    detections = [found(0, 10, 0.9, seen=5)]
    values = average_precision(truths, detections, 'coco-amodal-vrsp').values
    assert values['AP'] == pytest.approx(34 / 101)  # a third of the objects
    assert values['APs'] == pytest.approx(51 / 101)  # shares up to .85: two
    assert values['APm'] == pytest.approx(1.0)  # up to .75: one
    assert values['APl'] == pytest.approx(1.0)


def test_consequences_of_the_published_ranges() -> None:
    mode, detections = 'coco-amodal-vrsp', [found(0, 10, 0.9, seen=5)]
    # Without a stated share the area stays in pixels: nothing is left.
    lost = average_precision([truth(0, 10, seen=5)], detections, mode)
    assert math.isnan(lost.values['AP'])
    assert (lost.objects, lost.ignored) == (1, 1)
    # A share above 1 (a mask larger than the stated area) loses the object too.
    large = [truth(0, 10, seen=5, stated_share=0.5), truth(20, 30, stated_share=1.02)]
    assert average_precision(large, detections, mode).values['AP'] == pytest.approx(1.0)
    assert average_precision(large, detections, mode).ignored == 1
    # The corrected form keeps both.
    kept = average_precision(large, detections, 'coco-amodal-hidden')
    assert kept.values['AP'] == pytest.approx(51 / 101)
    assert kept.ignored == 0


def test_a_wrong_detection_that_claims_to_be_unhidden() -> None:
    truths = [truth(0, 10, seen=5, stated_share=0.5)]
    detections = [found(0, 10, 0.5, seen=5), found(50, 60, 0.9)]  # the second is wrong, and higher
    published = average_precision(truths, detections, 'coco-amodal-vrsp').values
    assert published['AP'] == pytest.approx(0.5)
    assert published['APl'] == pytest.approx(1.0)  # its share of 1 is outside the range
    corrected = average_precision(truths, detections, 'coco-amodal-hidden').values
    assert corrected['AP_hidden40'] == pytest.approx(0.5)


def test_area_of_the_box() -> None:
    # Two pieces in a picture of 40 x 40: 80 pixels, in a box of 1600 (more than 32 squared).
    pieces = np.zeros((40, 40), np.uint8, order='F')
    pieces[0] = pieces[-1] = 1
    coded = coco_mask.encode(pieces)
    truths = [TruthObject(1, 1, coded, coded)]
    detections = [Detection(1, 1, 0.5, coded, coded)]
    plain = average_precision(truths, detections).values
    assert plain['APs'] == pytest.approx(1.0)
    assert math.isnan(plain['APm'])
    boxed = average_precision(truths, detections, 'coco-amodal-aistron').values
    assert boxed['APm'] == pytest.approx(1.0)
    assert math.isnan(boxed['APs'])


def test_crowds_are_neither_right_nor_wrong() -> None:
    truths = [truth(0, 10), truth(50, 90, crowd=True)]
    detections = [found(0, 10, 0.5), found(60, 70, 0.9)]
    assert average_precision(truths, detections).values['AP'] == pytest.approx(1.0)


def test_stated_share_follows_the_keys() -> None:
    seen = bar(0, 6)
    assert stated_share({'occlude_rate': 0.25, 'inmodal_seg': {}, 'area': 10}, seen) == 0.75
    assert stated_share({'occlude_rate': 0, 'area': 10}, seen) == 1.0
    assert stated_share({'inmodal_seg': {}, 'area': 5}, seen) == pytest.approx(1.2)
    assert stated_share({'area': 10}, seen) is None
    assert stated_share({'inmodal_seg': {}}, seen) is None


def test_parts_of_masks() -> None:
    assert coco_mask.decode(subtract(bar(0, 10), bar(4, 20))).sum() == 4
    assert visible_share(bar(0, 10), bar(5, 20)) == 0.5
    assert visible_share(bar(0, 0), bar(0, 5)) == 0.0


def test_messages() -> None:
    truths = [truth(0, 10)]
    bare = Detection('img', 1, 0.5, bar(0, 10))
    with pytest.raises(ValueError, match="image 'img' has no visible mask"):
        average_precision(truths, [bare], mask='occluded')
    with pytest.raises(ValueError, match='no visible mask'):
        average_precision(truths, [bare], 'coco-amodal-vrsp')
    assert average_precision(truths, [bare]).values['AP'] == 0.0
    with pytest.raises(ValueError, match='finite'):
        average_precision(truths, [found(0, 10, math.nan)])
    with pytest.raises(ValueError, match='no true object'):
        average_precision([], [bare])
    with pytest.raises(ValueError, match='mask must be one of'):
        average_precision(truths, [bare], mask='modal')
    with pytest.raises(ValueError, match='coco-amodal-vrsp'):
        get_coco_mode('coco')


# ---------------------------------------------------------------- agreement with COCOeval


def random_case(seed: int) -> tuple[list[TruthObject], list[Detection]]:
    """Blocks in pictures of 120 x 120, detections near them and elsewhere."""
    rng = np.random.default_rng(seed)

    def block(y: int, x: int, h: int, w: int) -> np.ndarray:
        mask = np.zeros((120, 120), np.uint8, order='F')
        mask[max(y, 0) : y + h, max(x, 0) : x + w] = 1
        return mask

    truths, detections = [], []
    for image in range(1, 5):
        for _ in range(int(rng.integers(1, 5))):
            y, x, h, w = rng.integers([0, 0, 8, 8], [60, 60, 60, 60]).tolist()
            amodal, category = block(y, x, h, w), int(rng.integers(1, 4))
            visible = amodal & block(0, 0, y + int(rng.integers(2, h + 1)), 120)
            coded = coco_mask.encode(amodal), coco_mask.encode(np.asfortranarray(visible))
            share = float(rng.uniform(0.3, 1.0))
            truths.append(TruthObject(image, category, *coded, stated_share=share))
            for _ in range(int(rng.integers(0, 4))):
                dy, dx, dh, dw = rng.integers(-6, 7, 4).tolist()
                mask = block(y + dy, x + dx, max(1, h + dh), max(1, w + dw))
                part = mask & block(0, 0, y + int(rng.integers(2, h + 2)), 120)
                coded = coco_mask.encode(mask), coco_mask.encode(np.asfortranarray(part))
                detections.append(Detection(image, category, float(rng.uniform()), *coded))
    return truths, detections


def coco(entries: list[dict], categories: list[int]) -> COCO:
    result = COCO()
    images = [{'id': number, 'height': 120, 'width': 120} for number in range(1, 5)]
    kinds = [{'id': number} for number in categories]
    result.dataset = {'images': images, 'categories': kinds, 'annotations': entries}
    result.createIndex()
    return result


def reference(truths, detections, kind: str, ranges=None, shares=False) -> np.ndarray:
    """COCOeval's own twelve numbers, its own summary."""

    def entry(number, item, **extra) -> dict:
        amodal = coco_mask.decode(item.amodal)
        visible = coco_mask.decode(item.visible)
        arrays = {'amodal': amodal, 'visible': visible, 'occluded': amodal & (1 - visible)}
        mask = arrays.get(kind, amodal)
        share = (
            getattr(item, 'stated_share', None) or float((amodal & visible).sum()) / amodal.sum()
        )
        return {
            'id': number,
            'image_id': item.image,
            'category_id': item.category,
            'segmentation': coco_mask.encode(np.asfortranarray(mask)),
            'bbox': coco_mask.toBbox(item.amodal).tolist(),
            'area': share if shares else int(mask.sum()),
            **extra,
        }

    gt = [entry(n, t, iscrowd=0) for n, t in enumerate(truths, 1)]
    dt = [entry(n, d, score=d.score) for n, d in enumerate(detections, 1)]
    if kind == 'occluded':
        gt, dt = ([e for e in side if coco_mask.area(e['segmentation'])] for side in (gt, dt))
    if kind == 'box':
        dt = [e | {'area': e['bbox'][2] * e['bbox'][3]} for e in dt]
    categories = sorted({t.category for t in truths})
    with contextlib.redirect_stdout(io.StringIO()):
        pair = coco(gt, categories), coco(dt, categories)
        evaluation = COCOeval(*pair, 'bbox' if kind == 'box' else 'segm')
        if ranges:
            evaluation.params.areaRng = ranges
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.where(evaluation.stats < 0, np.nan, evaluation.stats)


def ours(scores, names=('APs', 'APm', 'APl')) -> list[float]:
    order = ['AP', 'AP50', 'AP75', *names, 'AR@1', 'AR@10', 'AR@100']
    return [scores.values[name] for name in order]


@pytest.mark.parametrize('kind', ['amodal', 'visible', 'occluded', 'box'])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_agrees_with_cocoeval(kind: str, seed: int) -> None:
    truths, detections = random_case(seed)
    expected = reference(truths, detections, kind)[:9]
    scores = average_precision(truths, detections, mask=kind)
    np.testing.assert_allclose(ours(scores), expected, atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_published_ranges_agree_with_cocoeval(seed: int) -> None:
    truths, detections = random_case(seed)
    ranges = [[0, 1], [0, 0.85], [0, 0.75], [0, 0.6]]
    expected = reference(truths, detections, 'amodal', ranges, shares=True)[:9]
    scores = average_precision(truths, detections, 'coco-amodal-vrsp')
    np.testing.assert_allclose(ours(scores), expected, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_the_order_makes_no_difference(seed: int, data) -> None:
    truths, detections = random_case(seed)
    detections = [one._replace(score=round(one.score, 1)) for one in detections]  # many ties
    shuffled = data.draw(st.permutations(detections))
    for mode in COCO_MODES:
        first, second = (average_precision(truths, d, mode) for d in (detections, shuffled))
        np.testing.assert_equal(first.values, second.values)


# ---------------------------------------------------------------- amodal-ar


def test_recall_by_hidden_share() -> None:
    truths = [
        truth(0, 10, category=1),  # free
        truth(20, 30, seen=28, category=2),  # a fifth hidden
        truth(40, 50, seen=45, category=3),  # half hidden
    ]
    # Classes do not matter. IoU 1, 9/10 (9 thresholds), none.
    proposals = [found(0, 10, 0.9, category=7), found(20, 29, 0.5, category=7)]
    scores = average_recall(truths, proposals)
    assert scores.values['AR@1'] == pytest.approx(1 / 3)
    assert scores.values['AR@10'] == pytest.approx((1 + 0.9) / 3)
    assert scores.values['AR@100_none'] == pytest.approx(1.0)
    assert scores.values['AR@100_partial'] == pytest.approx(0.9)
    assert scores.values['AR@100_heavy'] == 0.0
    assert scores.objects == {'all': 3, 'none': 1, 'partial': 1, 'heavy': 1}
    by_visible = average_recall(truths, [found(20, 28, 0.5)], mask='visible')
    assert by_visible.values['AR@100_partial'] == pytest.approx(1.0)


def test_ranges_share_their_ends() -> None:
    truths = [truth(0, 100, seen=75), truth(0, 10, image=2)]
    scores = average_recall(truths, [found(0, 100, 0.5), found(0, 10, 0.5, image=2)])
    assert scores.objects == {'all': 2, 'none': 1, 'partial': 1, 'heavy': 1}
    assert scores.values['AR@1_partial'] == scores.values['AR@1_heavy'] == 1.0


def test_things_and_stuff() -> None:
    truths = [truth(0, 10), truth(20, 30, stuff=True), truth(40, 50, stuff=True)]
    proposals = [found(20, 30, 0.5)]
    assert average_recall(truths, proposals).values['AR@10'] == 0.0
    assert average_recall(truths, proposals, regions='stuff').values['AR@10'] == pytest.approx(0.5)
    assert average_recall(truths, proposals, regions='both').objects['all'] == 3
    with pytest.raises(ValueError, match='No true object is left'):
        average_recall(truths[:1], proposals, regions='stuff')


def test_numbers_of_proposals() -> None:
    proposals = [found(50, 60, 0.9), found(0, 10, 0.5)]
    values = average_recall([truth(0, 10)], proposals, max_proposals=(1, 1000)).values
    assert values['AR@1'] == 0.0
    assert values['AR@1000'] == 1.0
    with pytest.raises(ValueError, match='ascending'):
        average_recall([truth(0, 10)], proposals, max_proposals=(10, 1))


def test_an_image_without_proposals_raises() -> None:
    truths = [truth(0, 10, image='a'), truth(0, 10, image='b')]
    with pytest.raises(ValueError, match="1 images have no proposal, for example image 'b'"):
        average_recall(truths, [found(0, 10, 0.5, image='a')])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_recall_agrees_with_cocoeval(seed: int) -> None:
    truths, detections = random_case(seed)
    detections += [
        Detection(one.image, 1, 1e-4 * number, one.visible, one.visible)
        for number, one in enumerate(truths)
    ]
    one_class = [[item._replace(category=1) for item in side] for side in (truths, detections)]
    expected = reference(*one_class, 'amodal')[6:9]
    values = average_recall(truths, detections).values
    np.testing.assert_allclose([values[f'AR@{n}'] for n in (1, 10, 100)], expected, atol=1e-12)
