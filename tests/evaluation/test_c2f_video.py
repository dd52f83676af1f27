"""The video protocol against values computed by hand, pixel by pixel, and the reference's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from c2fseg.evaluation.functional import (
    ClipRegionCounts,
    FrameScores,
    clip_iou,
    get_clip_protocol,
    hidden_shares,
    mean_over_tracks,
    pooled_means,
    track_means,
)
from tests.evaluation.clips import clip
from tests.parity_helpers import ellipse, ellipse_masks, load_fixture

EPS = 1e-6


def test_full_and_occluded_by_hand() -> None:
    # Frame 0: P = 0..3, A = 1..4, V = 1..2: 3 of 5; P - V = {0, 3}, O = {3, 4}: 1 of 3.
    # Frame 1: right to the pixel; O = {2}.
    prediction = clip('####..', '.##...')
    amodal = clip('.####.', '.##...')
    visible = clip('.##...', '.#....')
    for protocol in ('c2f-video', 'c2f-video-strict'):
        scores = clip_iou(prediction, amodal, visible, protocol=protocol)
        assert scores.full == pytest.approx([3 / 5, 1], abs=2e-6)
        assert scores.occluded == pytest.approx([1 / 3, 1], abs=2e-6)
        assert scores.counts_full.tolist() == scores.counts_occluded.tolist() == [True, True]
    # eps stands below the fraction only, in float32, and nothing else does.
    published = clip_iou(prediction, amodal, visible)
    assert published.occluded[1] == float(np.float32(1) / np.float32(1.000001)) != 1
    assert clip_iou(prediction, amodal, visible, protocol='c2f-video-strict').occluded[1] == 1


def test_empty_masks_score_zero_and_count_in_the_published_form() -> None:
    # Frames: all empty; nothing hidden; fully hidden; empty prediction.
    amodal = clip('....', '.##.', '.##.', '.##.')
    visible = clip('....', '.##.', '....', '.#..')
    prediction = clip('....', '.##.', '.##.', '....')
    scores = clip_iou(prediction, amodal, visible)
    assert scores.full == pytest.approx([0, 1, 1, 0], abs=EPS)
    assert scores.occluded == pytest.approx([0, 0, 1, 0], abs=EPS)
    assert scores.counts_full.all()
    assert scores.counts_occluded.all()
    assert track_means(scores) == pytest.approx((2 / 4, 1 / 4), abs=EPS)


def test_strict_form_counts_what_asks_the_question() -> None:
    # The same frames, and one in which V pokes out of A: nothing of it is hidden.
    amodal = clip('....', '.##.', '.##.', '.##.', '.##.')
    visible = clip('....', '.##.', '....', '.#..', '.###')
    prediction = clip('....', '.##.', '.##.', '....', '.##.')
    scores = clip_iou(prediction, amodal, visible, protocol='c2f-video-strict')
    assert scores.full.tolist() == [1, 1, 1, 0, 1]  # empty in empty is 1 (and not counted)
    assert scores.counts_full.tolist() == [False, True, False, True, True]
    assert scores.counts_occluded.tolist() == [False, False, False, True, False]
    assert track_means(scores) == (2 / 3, 0.0)
    # c_t is a matter of the published form alone.
    same = clip_iou(
        prediction, amodal, visible, counted=np.zeros(5, bool), protocol='c2f-video-strict'
    )
    assert np.array_equal(same.counts_full, scores.counts_full)


def test_uncounted_frames_leave_the_mean() -> None:
    amodal = clip('####', '####', '####')
    visible = clip('##..', '##..', '##..')
    prediction = clip('####', '###.', '....')
    scores = clip_iou(prediction, amodal, visible, counted=np.array([True, True, False]))
    assert track_means(scores) == pytest.approx(((1 + 3 / 4) / 2, (1 + 1 / 2) / 2), abs=EPS)


def test_post_pastes_the_truth_where_no_other_object_is_visible() -> None:
    # A = 1..6, V = 1..3, another object at 4..5 (L = 0), background elsewhere.
    # P = 0, 2..4, 7 misses and adds on both sides: P' = V, and 4 from P.
    amodal, visible = clip('.######.'), clip('.###....')
    others, prediction = clip('....##..'), clip('#.###..#')
    raw = clip_iou(prediction, amodal, visible, ~others)
    assert raw.full == pytest.approx([3 / 8], abs=EPS)
    assert raw.occluded == pytest.approx([1 / 5], abs=EPS)  # {4} of {0, 4, 5, 6, 7}
    post = clip_iou(prediction, amodal, visible, ~others, post=True)
    assert post.full == pytest.approx([4 / 6], abs=EPS)
    assert post.occluded == pytest.approx([1 / 3], abs=EPS)  # false positives are gone
    with pytest.raises(ValueError, match='need evaluable masks'):
        clip_iou(prediction, amodal, visible, post=True)


def test_means_over_tracks_leave_out_tracks_without_a_counted_frame() -> None:
    yes, no = np.array([True, True]), np.array([False, False])
    good = FrameScores(np.array([1.0, 0.5]), np.array([0.5, 0.0]), yes, np.array([True, False]))
    unseen = FrameScores(np.array([0.2, 0.2]), np.array([0.1, 0.1]), no, no)
    unhidden = FrameScores(np.array([0.0, 0.5]), np.array([0.1, 0.1]), yes, no)
    assert track_means(good) == (0.75, 0.5)
    assert all(math.isnan(mean) for mean in track_means(unseen))
    tracks = [track_means(scores) for scores in (good, unseen, unhidden)]
    assert mean_over_tracks(tracks) == (0.5, 0.5, 2, 1)
    assert pooled_means([good, unseen, unhidden]) == (0.5, 0.5, 4, 1)
    full, occluded, *numbers = mean_over_tracks([track_means(unseen)])
    assert math.isnan(full)
    assert math.isnan(occluded)
    assert numbers == [0, 0]
    assert math.isnan(pooled_means([])[0])


def test_long_and_short_tracks_weigh_the_same() -> None:
    def constant(value: float, frames: int) -> FrameScores:
        flags = np.ones(frames, bool)
        return FrameScores(np.full(frames, value), np.full(frames, value), flags, flags)

    scores = [constant(1, 9), constant(0, 1)]
    assert mean_over_tracks(map(track_means, scores)) == (0.5, 0.5, 2, 2)
    assert pooled_means(scores)[:2] == (0.9, 0.9)


def test_hidden_shares() -> None:
    masks = {
        'amodal': clip('####', '####', '....', '#...'),
        'visible': clip('#...', '....', '....', '##..'),
    }
    shares = hidden_shares(ClipRegionCounts(masks))
    np.testing.assert_array_equal(shares, [0.75, 1, np.nan, -1])


def test_region_counts_of_clips() -> None:
    # The only pixels of frame 1 lie outside the box of frame 0's; context widens no box.
    masks = {'a': clip('.##....', '.....#.'), 'b': clip('..##...', '.......')}
    counts = ClipRegionCounts(masks, {'c': clip('#######', '....#..')})
    assert counts.areas(counts['a'] & ~counts['b']).tolist() == [1, 1]
    assert counts.areas(counts['b'] & counts['c']).tolist() == [2, 0]
    assert counts.areas((counts['a'] | counts['b']) & ~counts['c']).tolist() == [0, 1]
    with pytest.raises(AssertionError):
        counts.areas(counts['c'])
    empty = ClipRegionCounts({'a': clip('...', '...')})
    assert empty.areas(empty['a']).tolist() == [0, 0]


def test_bad_input() -> None:
    mask = clip('##..')
    with pytest.raises(
        ValueError, match=r"'iou' for clips; available: c2f-video, c2f-video-strict"
    ):
        get_clip_protocol('iou')
    with pytest.raises(ValueError, match=r"'c2f-image' is one for images: use AmodalIoU"):
        get_clip_protocol('c2f-image')
    with pytest.raises(ValueError, match='one shape'):
        clip_iou(mask, mask, clip('##.'))
    with pytest.raises(ValueError, match=r'must be \(T, H, W\)'):
        clip_iou(mask[0], mask[0], mask[0])
    with pytest.raises(ValueError, match='threshold probabilities'):
        clip_iou(mask * 0.5, mask, mask)
    with pytest.raises(ValueError, match=r'counted must be \(1,\)'):
        clip_iou(mask, mask, mask, counted=np.ones(2, bool))


def test_parity_with_the_reference() -> None:
    expected = load_fixture('metrics')
    full, visible = (masks[:, 0].numpy() > 0 for masks in ellipse_masks())
    predictions = [(130, 122, 78, 52, 0.45), (104, 138, 58, 92, -0.7)]
    prediction = np.stack([ellipse(*p).numpy() > 0 for p in predictions])
    scores = clip_iou(prediction, full, visible)
    np.testing.assert_allclose(scores.full, expected['video_full'], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scores.occluded, expected['video_occ'], rtol=0, atol=1e-6)


CLIPS = st.integers(1, 3).flatmap(
    lambda frames: st.tuples(*[arrays(np.bool_, (frames, 4, 5)) for _ in range(4)])
)


@settings(max_examples=80, deadline=None)
@given(
    masks=CLIPS,
    post=st.booleans(),
    protocol=st.sampled_from(['c2f-video', 'c2f-video-strict', 'savos']),
)
def test_against_counting_pixel_by_pixel(masks: tuple, post: bool, protocol: str) -> None:
    prediction, amodal, visible, evaluable = masks
    scores = clip_iou(prediction, amodal, visible, evaluable, protocol=protocol, post=post)
    for t in range(len(prediction)):
        full, occluded = naive(
            prediction[t],
            amodal[t],
            visible[t],
            evaluable[t],
            protocol,
            post or protocol == 'savos',
        )
        assert scores.full[t] == pytest.approx(full, abs=1e-7)
        assert scores.occluded[t] == pytest.approx(occluded, abs=1e-7)


def naive(p_mask, a_mask, v_mask, l_mask, protocol: str, post: bool) -> tuple[float, float]:
    """The scores of one frame, with the products and sums of the definitions."""
    sums = dict.fromkeys(('both', 'either', 'both_occluded', 'either_occluded'), 0.0)
    for y, x in np.ndindex(p_mask.shape):
        p, a, v, l = (float(mask[y, x]) for mask in (p_mask, a_mask, v_mask, l_mask))  # noqa: E741
        if post:
            p = float(p * (1 - l) + v * l > 0.5)
        weight = 1 - l if protocol == 'savos' else 1 - v
        sums['both'] += p * a
        sums['either'] += max(p, a)
        sums['both_occluded'] += p * a * weight
        sums['either_occluded'] += max(p * weight, a * weight)
    above = EPS if protocol == 'savos' else 0
    if protocol == 'c2f-video-strict':
        ratios = [
            sums[f'both{k}'] / sums[f'either{k}'] if sums[f'either{k}'] else 1.0
            for k in ('', '_occluded')
        ]
    else:
        ratios = [
            (sums[f'both{k}'] + above) / (sums[f'either{k}'] + EPS) for k in ('', '_occluded')
        ]
    return ratios[0], ratios[1]
