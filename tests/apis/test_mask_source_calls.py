"""Calls without masks: sources, boxes, points; batches of pictures; what goes wrong on the way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from c2fseg.apis import AmodalInferencer
from c2fseg.apis.prompts import read_boxes, read_points, read_prompts

from .fake_sources import BrightSource, PromptedSource, bright_picture

UPPER, LOWER = (3, 2, 9, 8), (20, 14, 30, 20)
PICTURES = [
    bright_picture(UPPER),
    bright_picture(),
    bright_picture(UPPER, LOWER),
    bright_picture(LOWER),
    bright_picture(),
]
COUNTS = [1, 0, 2, 1, 0]


@pytest.fixture(scope='module')
def hull() -> AmodalInferencer:
    """Completes an object by its convex hull: a box stays a box."""
    return AmodalInferencer('trivial_hull_shapes', device='cpu')


def with_source(hull: AmodalInferencer, source) -> AmodalInferencer:
    return AmodalInferencer(hull.model, mask_source=source)


@pytest.mark.parametrize(('pictures_a_batch', 'batch_size'), [(1, 1), (2, 3), (8, 8), (3, 1)])
def test_objects_of_a_source_in_any_batches(hull, pictures_a_batch, batch_size):
    source = BrightSource(pictures_a_batch)
    results = with_source(hull, source)(PICTURES, batch_size=batch_size, progress=False)
    predictions = results['predictions']
    assert [len(one['objects']) for one in predictions] == COUNTS
    assert [one['image'] for one in predictions] == [f'image_{i}' for i in range(5)]
    assert [o['box'] for o in predictions[2]['objects']] == [list(UPPER), list(LOWER)]
    assert [o['visible_score'] for o in predictions[2]['objects']] == [0.5, 0.75]
    assert [o['category_id'] for o in predictions[2]['objects']] == [0, 1]
    assert max(source._calls) == min(pictures_a_batch, 5)
    assert sum(source._calls) == 5


def test_a_source_by_its_config(hull):
    inferencer = with_source(hull, dict(type='BrightSource', batch_size=2))
    assert isinstance(inferencer.mask_source, BrightSource)
    assert len(inferencer(PICTURES[0])['predictions'][0]['objects']) == 1
    with pytest.raises(TypeError, match='mask_source is a BaseMaskSource'):
        with_source(hull, 'BrightSource')


def test_given_masks_go_before_the_source(hull):
    mask = np.zeros((24, 32), bool)
    mask[10:12, 10:15] = True
    (found,) = with_source(hull, BrightSource())(PICTURES[2], mask)['predictions']
    assert [one['box'] for one in found['objects']] == [[10, 10, 15, 12]]


def test_a_picture_on_which_the_source_fails(hull, tmp_path):
    source = BrightSource(batch_size=3, bad='image_2')
    inferencer = with_source(hull, source)
    with pytest.raises(RuntimeError, match='cannot look at image_2'):
        inferencer(PICTURES)
    predictions = inferencer(PICTURES, on_error='skip')['predictions']
    assert [len(one['objects']) for one in predictions] == [1, 0, 0, 1, 0]
    assert [one.get('error') for one in predictions] == [
        *(None, None, 'cannot look at image_2', None, None)
    ]


@pytest.mark.parametrize(
    ('answer', 'words'),
    [([], '0 lists of objects for 1 pictures'), ([[]], '0 objects for 1 prompts')],
)
def test_a_source_that_does_not_keep_its_promise(hull, monkeypatch, answer, words):
    monkeypatch.setattr(PromptedSource, 'find', lambda self, pictures: answer)
    with pytest.raises(ValueError, match=f'PromptedSource.find gave {words}'):
        with_source(hull, PromptedSource())(PICTURES[0], boxes=[UPPER])


def test_boxes_and_points(hull):
    inferencer = with_source(hull, PromptedSource())

    def boxes(images, **prompts):
        found = inferencer(images, progress=False, **prompts)['predictions']
        return [[one['box'] for one in picture['objects']] for picture in found]

    assert boxes(PICTURES[0], boxes=UPPER) == [[list(UPPER)]]
    assert boxes(PICTURES[0], boxes=np.array([UPPER, LOWER])) == [[list(UPPER), list(LOWER)]]
    assert boxes(PICTURES[:2], boxes=[None, [LOWER]]) == [[], [list(LOWER)]]
    assert boxes(PICTURES[0], points=(10, 12)) == [[[8, 10, 13, 15]]]
    assert boxes(PICTURES[0], points=[[10, 12], [5, 6]]) == [[[8, 10, 13, 15], [3, 4, 8, 9]]]
    assert boxes(PICTURES[:1], points=[[[(10, 12, 1), (0, 0, 0)]]]) == [[[8, 10, 13, 15]]]
    # A box that a source finds nothing in is an object that cannot be completed.
    with pytest.raises(ValueError, match='Object 0 of image_0: its visible mask is empty'):
        boxes(PICTURES[0], boxes=[40, 30, 50, 40])


def test_prompts_in_one_form():
    prompts = read_prompts(torch.tensor([[[1, 2, 3, 4]], [[5, 6, 7, 8]]]), None, ['a', 'b'], False)
    assert [one.boxes.tolist() for one in prompts] == [[[1, 2, 3, 4]], [[5, 6, 7, 8]]]
    assert read_boxes([]).shape == (0, 4)
    assert [one.tolist() for one in read_points((1, 2))] == [[[1, 2, 1]]]
    assert [one.tolist() for one in read_points((1, 2, 1))] == [[[1, 2, 1]]]
    assert [one.tolist() for one in read_points([(1, 2), (3, 4)])] == [[[1, 2, 1]], [[3, 4, 1]]]
    assert [one.tolist() for one in read_points([[(1, 2, 0), (3, 4, 1)]])] == [
        [[1, 2, 0], [3, 4, 1]]
    ]
    assert [len(one) for one in read_points([[], [(1, 2, 0)]], boxed=True)] == [0, 1]
    assert read_points(None) == []


@pytest.mark.parametrize(
    ('prompts', 'error', 'words'),
    [
        ({}, ValueError, 'needs boxes or points for each picture'),
        ({'boxes': [1, 2, 3]}, ValueError, r'got shape \(1, 3\)'),
        ({'boxes': [[5, 5, 5, 9]]}, ValueError, r'\(5, 5, 5, 9\) is empty'),
        ({'boxes': [[0, 0, np.nan, 9]]}, ValueError, 'finite'),
        ({'boxes': 'all'}, TypeError, 'boxes: expected'),
        ({'points': 3}, TypeError, 'points: expected'),
        ({'points': [(1, 2, 3)]}, ValueError, 'the third number is a label'),
        ({'points': [[(1, 2, 0)]]}, ValueError, 'at least one has to lie on it'),
        ({'points': [(1, 2, 1, 0)]}, ValueError, r'got shape \(1, 4\)'),
        ({'boxes': [UPPER], 'points': [(1, 2), (3, 4)]}, ValueError, '1 boxes and the points of 2'),
        ({'boxes': [UPPER], 'visible_masks': []}, ValueError, 'visible_masks and boxes are given'),
    ],
)
def test_wrong_prompts(hull, prompts, error, words):
    with pytest.raises(error, match=words):
        with_source(hull, PromptedSource())(PICTURES[0], **prompts)


def test_ways_to_masks_that_are_missing_or_too_many(hull):
    with pytest.raises(ValueError, match='give visible_masks, boxes or points, or build'):
        hull(PICTURES[0])
    with pytest.raises(ValueError, match='BrightSource finds objects by itself: leave points out'):
        with_source(hull, BrightSource())(PICTURES[0], points=[(1, 2)])
    with pytest.raises(ValueError, match='boxes has 1 entries for 5 pictures'):
        with_source(hull, PromptedSource())(PICTURES, boxes=[[UPPER]])
    with pytest.raises(ValueError, match='expected num_hypotheses=1, got 4'):
        hull(PICTURES[0], [], num_hypotheses=4)


def test_order_of_the_objects_of_a_picture(hull):
    """A frame around a box: its hull reaches under the box."""
    front = np.zeros((24, 32), bool)
    front[10:14, 10:20] = True
    back = np.zeros_like(front)
    back[5:19, 5:25] = True
    (found,) = hull(PICTURES[1], np.stack([back & ~front, front]))['predictions']
    assert found['occlusion_order'] == [{'front': 1, 'back': 0, 'pixels': 40}]


@pytest.mark.parametrize(('count', 'save'), [(100, ('json',)), (15, ('pictures',))])
def test_a_stream_lets_pictures_go(hull, tmp_path, count, save):
    """No more are alive at once than a batch of objects and one of the source need."""
    paths = []
    for number in range(count):
        paths.append(str(tmp_path / f'{number:03d}.png'))
        cv2.imwrite(paths[-1], PICTURES[number % 5])
    source = BrightSource(batch_size=2)
    alive = []
    inferencer = with_source(hull, source)
    for _ in inferencer.stream(paths, batch_size=2, out_dir=tmp_path / 'out', save=save):
        alive.append(sum(one() is not None for one in source._seen))
    assert len(alive) == count
    assert max(alive) <= 2 * 2 + 2
    assert sum(one() is not None for one in source._seen) <= 1


def test_a_stream_says_at_once_what_is_wrong(hull):
    with pytest.raises(ValueError, match='give visible_masks'):
        hull.stream(PICTURES[0])
    with pytest.raises(TypeError, match='batchsize'):
        hull.stream(PICTURES[0], [], batchsize=3)
    with pytest.raises(ValueError, match='is a video'):
        hull.stream('clip.mp4', [])
