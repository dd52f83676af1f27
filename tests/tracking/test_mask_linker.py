"""Linking objects of frames to tracks: by hand, and whatever comes in batches."""

from __future__ import annotations

import numpy as np
import pytest

from c2fseg.mask_sources import VisibleObject
from c2fseg.registry import TASK_UTILS
from c2fseg.structures import encode_mask
from c2fseg.tracking import MaskLinker

SIZE = (40, 120)
RED, BLUE = (200, 30, 30), (30, 30, 200)


def square(x: int, kind: str = 'cup', score: float = 1.0, y: int = 10) -> tuple[slice, slice, str]:
    return slice(y, y + 12), slice(x, x + 12), kind, score


def frames_of(*rows, colours=None):
    """Pictures and objects; a row holds the squares of a frame."""
    frames = []
    for row in rows:
        image = np.full((*SIZE, 3), 128, np.uint8)
        objects = []
        for ys, xs, kind, score in row:
            mask = np.zeros(SIZE, bool)
            mask[ys, xs] = True
            image[ys, xs] = (colours or {}).get(kind, RED)
            objects.append(VisibleObject(encode_mask(mask), score, {'category': kind}))
        frames.append((image, objects))
    return frames


def ids_of(frames, **options):
    """Ids by frame, in the order of the objects' columns."""
    linked = MaskLinker(**options).link(frames)
    return [sorted(found) for _, found in linked], linked


def test_two_objects_that_cross_keep_their_ids():
    rows = [[square(4 * t), square(80 - 4 * t, 'hand', y=14)] for t in range(20)]
    linked = MaskLinker().link(frames_of(*rows, colours={'hand': BLUE}))
    for _, found in linked:
        assert {number: one.info['category'] for number, one in found.items()} == {
            1: 'cup',
            2: 'hand',
        }


@pytest.mark.parametrize(('away', 'ids'), [(2, [1, 1]), (3, [1, 2])])
def test_gap(away, ids):
    rows = [[square(30)], *[[] for _ in range(away)], [square(30)]]
    found, _ = ids_of(frames_of(*rows), max_gap=2)
    assert [found[0][0], found[-1][0]] == ids
    assert all(not one for one in found[1:-1])


def test_velocity_goes_on_while_the_object_is_away():
    rows = [[square(5 * t)] for t in range(5)] + [[], []] + [[square(35)]]
    # 15 px behind its last place it is not met again without motion, and by its colours it may not.
    for motion, ids in (('flow', [1]), ('velocity', [1]), ('none', [2])):
        found, _ = ids_of(frames_of(*rows), motion=motion, min_similarity=2)
        assert found[-1] == ids, motion


def test_change_of_category_begins_a_new_track():
    rows = [[square(30)], [square(30, 'hand')], [square(30)]]
    assert ids_of(frames_of(*rows))[0] == [[1], [2], [1]]
    assert ids_of(frames_of(*rows), same_category=False)[0] == [[1], [1], [1]]


def test_birth_and_death_use_no_id_again():
    rows = [[square(10)], [square(10), square(60)], [square(60)], [square(60)], [square(10)]]
    assert ids_of(frames_of(*rows), max_gap=1)[0] == [[1], [1, 2], [2], [2], [3]]


def test_colours_bring_back_who_moved_too_far_to_overlap():
    rows = [[square(10), square(60, 'b')], [square(30), square(80, 'b')]]
    frames = frames_of(*rows, colours={'b': BLUE})
    for _, objects in frames:
        for one in objects:
            one.info.clear()
    assert [list(found) for _, found in MaskLinker(motion='none').link(frames)] == [[1, 2], [1, 2]]
    apart = MaskLinker(motion='none', min_similarity=2).link(frames)
    assert [list(found) for _, found in apart] == [[1, 2], [3, 4]]


def test_short_tracks_are_dropped_and_frames_stay_in_order():
    rows = [[square(10)], [square(10), square(60)], [square(10)], [], [square(10)]]
    frames = frames_of(*rows)
    linked = MaskLinker(min_length=2, max_gap=1).link(frames)
    handed = list(linked)
    assert [sorted(found) for _, found in handed] == [[1], [1], [1], [], [1]]
    assert all(image is given for (image, _), (given, _) in zip(handed, frames, strict=True))
    assert list(linked.info) == [1]


def test_no_more_frames_are_held_than_needed():
    read = []

    def stream():
        for frame in frames_of(*[[square(10)] if t == 3 else [] for t in range(30)]):
            read.append(1)
            yield frame

    ahead = []
    for count, _ in enumerate(MaskLinker(min_length=2, max_gap=4).link(stream()), start=1):
        ahead.append(len(read) - count)
    assert max(ahead) <= 5


def test_score_and_category_of_a_track():
    _, linked = ids_of(frames_of([square(30, score=0.5)], [square(31, score=1.0)]))
    assert linked.info == {1: {'category': 'cup', 'visible_score': 0.75}}


def test_empty_masks_are_no_objects():
    empty = VisibleObject(encode_mask(np.zeros(SIZE, bool)))
    image = np.zeros((*SIZE, 3), np.uint8)
    assert [found for _, found in MaskLinker().link([(image, [empty])])] == [{}]


def test_built_by_its_name_and_its_options_are_checked():
    assert TASK_UTILS.build(dict(type='MaskLinker', max_gap=3)).max_gap == 3
    for wrong in (
        {'min_iou': 0},
        {'max_gap': -1},
        {'min_length': 0},
        {'motion': 'x'},
        {'reach': -1},
        {'min_similarity': 0},
    ):
        with pytest.raises(ValueError, match=rf'{next(iter(wrong))}'):
            MaskLinker(**wrong)
