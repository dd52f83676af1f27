"""Masks from clicks and boxes: the weights that ship, prompts that are wrong, batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from c2fseg.datasets import KINSDataset
from c2fseg.evaluation.functional import mask_iou
from c2fseg.mask_sources import BoxPromptSource, Picture, PointPromptSource
from c2fseg.mask_sources.colour_cut import cut_by_colour
from c2fseg.mask_sources.prompt_predictor import (
    LEAST_SIDE,
    SCALE_STEP,
    _first_candidates,
    keep_pieces,
)
from c2fseg.mask_sources.prompt_requests import PromptRequest, read_requests
from c2fseg.registry import MASK_SOURCES
from c2fseg.structures import decode_mask, masks_to_boxes

DEMO = Path(__file__).parents[2] / 'demo' / 'data'
EMPTY = np.zeros((40, 60, 3), np.uint8)


@pytest.fixture(scope='module')
def objects() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of the demo and the visible mask of each object, of 200 px or more."""
    steps = [dict(type='LoadFrames'), dict(type='LoadAmodalMasks')]
    dataset = KINSDataset(
        'annotations.json', str(DEMO), pipeline=steps, min_visible_area=200, test_mode=True
    )
    return [(item['img'][0], item['gt_visible_mask'][0] != 0) for item in dataset]


@pytest.fixture(scope='module')
def points() -> PointPromptSource:
    return PointPromptSource(device='cpu')


@pytest.fixture(scope='module')
def boxes() -> BoxPromptSource:
    return MASK_SOURCES.build(dict(type='BoxPromptSource', device='cpu', batch_size=4))


def _middle(mask: np.ndarray) -> np.ndarray:
    """The pixel of a mask that is nearest to its centre of gravity, as a click."""
    rows, columns = np.nonzero(mask)
    distance = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    nearest = distance.argmin()
    return np.array([[columns[nearest], rows[nearest], 1.0]])


def _box(mask: np.ndarray) -> np.ndarray:
    return masks_to_boxes(mask).astype(float)[None]


def test_boxes_and_clicks_find_most_objects(objects, points, boxes) -> None:
    boxed = boxes.find([Picture(image, boxes=_box(mask)) for image, mask in objects])
    clicked = points.find([Picture(image, points=[_middle(mask)]) for image, mask in objects])
    for found, bar in ((boxed, 0.5), (clicked, 0.4)):
        ious = [
            mask_iou(decode_mask(one.mask, *mask.shape) != 0, mask)
            for (one,), (_, mask) in zip(found, objects, strict=True)
        ]
        assert np.mean(ious) > bar
        assert all(0 <= one.score <= 1 for (one,) in found)


def test_a_negative_click_takes_its_pixel_away(objects, points) -> None:
    image, mask = objects[0]
    click = _middle(mask)
    ((first,),) = points.find([Picture(image, points=[click])])
    found = decode_mask(first.mask, *mask.shape) != 0
    rows, columns = np.nonzero(found)
    far = ((rows - click[0, 1]) ** 2 + (columns - click[0, 0]) ** 2).argmax()
    beside = np.array([[columns[far], rows[far], 0.0]])
    ((second,),) = points.find([Picture(image, points=[np.concatenate([click, beside])])])
    again = decode_mask(second.mask, *mask.shape) != 0
    assert found[rows[far], columns[far]]
    assert not again[rows[far], columns[far]]
    assert again[int(click[0, 1]), int(click[0, 0])]


def test_neither_batches_nor_the_order_change_a_mask(objects, points) -> None:
    pictures = [Picture(image, points=[_middle(mask)]) for image, mask in objects[:3]]
    both = Picture(objects[0][0], points=[_middle(objects[0][1])] * 2)
    together = points.find([*pictures, both])
    alone = [points.find([picture])[0][0] for picture in pictures]
    for one, other in zip(together, alone):
        first, second = (decode_mask(m.mask, *m.mask['size']) != 0 for m in (one[0], other))
        assert mask_iou(first, second) > 0.99  # sums of another order
    assert together[3][0].mask == together[3][1].mask
    assert [len(found) for found in together] == [1, 1, 1, 2]


def test_no_objects_in_a_picture_are_no_objects(boxes) -> None:
    assert boxes.find([Picture(EMPTY, boxes=np.zeros((0, 4)))]) == [[]]


@pytest.mark.parametrize(
    ('prompts', 'needed', 'message'),
    [
        ({}, ('boxes',), 'has no boxes'),
        ({'boxes': [[5, 5, np.nan, 9]]}, ('boxes',), 'four finite numbers'),
        ({'boxes': [[5, 5, 5, 9]]}, ('boxes',), 'is empty'),
        ({'boxes': [[60, 5, 70, 9]]}, ('boxes',), 'outside the picture of 60 x 40 px'),
        ({'points': [[[5, 5, 0]]]}, ('points',), 'no click lies on it'),
        ({'points': [[]]}, ('points',), 'no click lies on it'),
        ({'points': [[[5, 40, 1]]]}, ('points',), r'click \(5, 40\) lies outside'),
        ({'points': [[[5, 5, 2]]]}, ('points',), 'label of a click is 1'),
        ({'points': [[[5, np.inf, 1]]]}, ('points',), 'three finite numbers'),
        ({'points': [[[5, 5, 1]]], 'boxes': [[1, 1, 9, 9]] * 2}, ('points',), '2 boxes and clicks'),
    ],
)
def test_wrong_prompts_are_named(prompts: dict, needed: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_requests(Picture(EMPTY, 'a.png', **prompts), needed)


def test_a_box_over_the_border_is_cut() -> None:
    (request,) = read_requests(Picture(EMPTY, boxes=[[-5, -5, 100, 20]]), ('boxes',))
    assert request.box.tolist() == [0, 0, 60, 20]


def test_a_click_is_looked_at_in_ever_smaller_windows() -> None:
    request = PromptRequest(np.zeros((100, 200, 3), np.uint8), None, np.array([[20.0, 50, 1]]))
    windows = [one.window for one in _first_candidates(request)]
    sides = [int(window[2] - window[0]) for window in windows]
    expected, side = [], 200.0
    while side >= LEAST_SIDE:
        expected.append(int(np.ceil(side)))
        side /= SCALE_STEP
    assert sides == expected
    for x0, y0, x1, y1 in windows:
        assert x0 <= 20 < x1
        assert y0 <= 50 < y1


def test_small_pieces_go_and_clicked_ones_stay() -> None:
    mask = np.zeros((20, 20), bool)
    mask[0:10, 0:10] = True  # 100 px
    mask[0:4, 15:20] = True  # 20 px, kept
    mask[15, 15] = True  # 1 px
    mask[18, 2] = True  # 1 px, clicked
    none = np.zeros((0, 2), int)
    kept = keep_pieces(mask, np.array([[2, 18]]), none)
    assert kept.sum() == 121
    assert kept[18, 2]
    assert not kept[15, 15]
    kept = keep_pieces(mask, none, np.array([[16, 1]]))
    assert kept.sum() == 100


def test_the_cut_follows_the_colours() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:30, 10:30] = (200, 30, 30)
    probability = np.full((40, 40), 0.01, np.float32)
    probability[7:27, 7:27] = 0.8
    probability[27:33, 7:33] = 0.3
    probability[7:33, 27:33] = 0.3
    cut = cut_by_colour(image, probability)
    expected = np.zeros((40, 40), np.float32)
    expected[10:30, 10:30] = 1
    assert np.array_equal(cut, expected)
    for value in (0.0, 1.0):
        same = np.full((40, 40), value, np.float32)
        assert np.array_equal(cut_by_colour(image, same), same)
