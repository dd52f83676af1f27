"""What holds for every protocol, and what several of them in one pass return."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from c2fseg.evaluation import AmodalIoU, VideoAmodalIoU
from c2fseg.evaluation.functional import (
    CLIP_PROTOCOLS,
    PROTOCOLS,
    amodal_iou,
    clip_iou,
    clip_means,
    fraction,
    measure_terms,
    protocol_means,
)
from tests.evaluation.clips import clip, make_sample
from tests.evaluation.test_amodal_iou import bar
from tests.evaluation.test_amodal_iou import make_sample as make_object

DOCS = Path(__file__).parents[2] / 'docs/protocols.md'
MASK = arrays(np.bool_, (5, 6))
OBJECTS = st.lists(st.tuples(MASK, MASK, MASK), min_size=1, max_size=4)
TRACKS = st.lists(
    st.tuples(*[arrays(np.bool_, (2, 5, 6)) for _ in range(4)]), min_size=1, max_size=3
)


def equal(first: dict, second: dict) -> bool:
    """Whether two results are the same, NaN where the other is NaN."""
    return first.keys() == second.keys() and all(
        value == second[key] or (math.isnan(value) and math.isnan(second[key]))
        for key, value in first.items()
    )


@pytest.mark.parametrize('protocol', PROTOCOLS)
@settings(max_examples=25, deadline=None)
@given(objects=OBJECTS)
def test_a_perfect_prediction_scores_one(protocol: str, objects: list) -> None:
    scores = []
    for amodal, visible, _ in objects:
        amodal[0, 0] = True
        scores.append(amodal_iou(amodal, amodal, visible & amodal, protocol=protocol))
    for key, value in protocol_means(protocol, scores).items():
        # c2f-image adds what it does not count (an empty V): no more than that.
        if protocol != 'c2f-image' or all((v & a).any() for a, v, _ in objects):
            assert math.isnan(value) or value == pytest.approx(1, abs=2e-6), key
    assert all(score.full == pytest.approx(1, abs=1e-6) for score in scores)


@pytest.mark.parametrize('protocol', CLIP_PROTOCOLS)
@settings(max_examples=25, deadline=None)
@given(tracks=TRACKS)
def test_a_perfect_clip_scores_one_where_something_is_hidden(protocol: str, tracks: list) -> None:
    for amodal, visible, evaluable, _ in tracks:
        amodal[:, 0, 0] = True
        visible &= amodal
        evaluable |= visible
        scores = clip_iou(amodal, amodal, visible, evaluable, protocol=protocol)
        others = amodal & ~visible
        for t in range(2):
            pasted = protocol in ('savos', 'savos-kins-car')
            missed = pasted and (others[t] & evaluable[t]).any()  # V is pasted over it
            if not missed:
                assert scores.full[t] == pytest.approx(1, abs=2e-6)
            if scores.occluded[t] < 0.999:
                nothing = protocol in ('c2f-video', 'eoras') and not others[t].any()
                assert nothing or protocol == 'diffusion-vas'


@pytest.mark.parametrize('protocol', PROTOCOLS)
@settings(max_examples=15, deadline=None)
@given(objects=OBJECTS, data=st.data())
def test_the_order_of_objects_makes_no_difference(protocol: str, objects: list, data) -> None:
    scores = [amodal_iou(p, a, v, protocol=protocol) for p, a, v in objects]
    shuffled = data.draw(st.permutations(scores))
    for key, value in protocol_means(protocol, scores).items():
        other = protocol_means(protocol, shuffled)[key]
        assert value == pytest.approx(other, nan_ok=True)


@pytest.mark.parametrize('protocol', CLIP_PROTOCOLS)
@settings(max_examples=15, deadline=None)
@given(tracks=TRACKS, data=st.data())
def test_the_order_of_tracks_makes_no_difference(protocol: str, tracks: list, data) -> None:
    places = [[('v', 1), ('v', 2)]] * len(tracks)
    scores = [clip_iou(*masks, protocol=protocol) for masks in tracks]
    shuffled = data.draw(st.permutations(scores))
    first, second = (clip_means(protocol, items, places) for items in (scores, shuffled))
    assert first == pytest.approx(second, nan_ok=True)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_terms_of_objects_make_the_means(protocol: str) -> None:
    masks = [clip(line)[0] for line in ('#####...', '.######.', '.##.....')]
    scores = [
        amodal_iou(*masks, protocol=protocol),
        amodal_iou(masks[1], *masks[1:], protocol=protocol),
    ]
    for measure in PROTOCOLS[protocol].measures:
        terms = measure_terms(measure, scores)
        assert terms.shape == (2, 2)
        mean = protocol_means(protocol, scores)[measure.key]
        assert fraction(measure, terms) == mean
        above, below = terms.sum(axis=0)
        assert mean == pytest.approx(above / below)
        # A draw with replacement, as a bootstrap makes it: the second object twice.
        twice = fraction(measure, terms[[1, 1]])
        assert twice == pytest.approx(protocol_means(protocol, scores[1:])[measure.key])
        assert math.isnan(fraction(measure, terms[:0])) or measure.smooth


def objects_of_a_test() -> list[dict]:
    coarse = bar(0, 5)
    return [
        make_object(0, coarse=coarse),
        make_object(1, visible=bar(0, 10), coarse=coarse),
        make_object(2, visible=bar(2, 3), refined=bar(0, 40), coarse=coarse),
    ]


def test_images_in_one_pass_as_in_several() -> None:
    def run(**names) -> dict:
        metric = AmodalIoU(**names, per_category=True)
        metric.process(None, objects_of_a_test())
        return metric.evaluate(3)

    together = run(protocols=list(PROTOCOLS))
    apart: dict = {}
    for name in PROTOCOLS:
        apart |= run(protocol=name)
    assert equal(together, apart)
    assert equal(run(), run(protocols=('c2f-image',)))  # the default


def tracks_of_a_test() -> list[dict]:
    def track(number: int, refined: np.ndarray) -> dict:
        return make_sample(
            number,
            amodal=clip('##########', '##########', '####......'),
            visible=clip('######....', '####......', '####......'),
            refined=refined,
            coarse=clip('######....', '##########', '.#........'),
            others=clip('......####', '.......###', '..........'),
        )

    return [
        track(0, clip('########..', '#####.....', '##........')),
        track(1, clip('#########.', '#####...##', '######....')),
    ]


def test_clips_in_one_pass_as_in_several() -> None:
    def run(**names) -> dict:
        metric = VideoAmodalIoU(**names)
        metric.process(None, tracks_of_a_test())
        return metric.evaluate(2)

    together = run(protocols=list(CLIP_PROTOCOLS))
    apart: dict = {}
    for name in CLIP_PROTOCOLS:
        apart |= run(protocol=name)
    assert equal(together, apart)
    assert equal(run(), run(protocols=('c2f-video',)))


def test_results_are_python_numbers() -> None:
    for metric, samples in (
        (AmodalIoU(protocols=list(PROTOCOLS), per_category=True), objects_of_a_test()),
        (VideoAmodalIoU(protocols=list(CLIP_PROTOCOLS)), tracks_of_a_test()),
    ):
        metric.process(None, samples)
        values = metric.evaluate(len(samples))
        assert {type(value) for value in values.values()} == {int, float}
        for key, value in values.items():
            means = re.search('mIoU|pAcc|recall|stability$', key)
            assert type(value) is (float if means else int), key


def test_every_protocol_is_described() -> None:
    text = DOCS.read_text()
    for name in (*PROTOCOLS, *CLIP_PROTOCOLS):
        assert re.search(rf'^\| `{name}` \| ', text, re.MULTILINE), name
        assert re.search(rf'^## .*{name}\b', text, re.MULTILINE), name


def test_soft_masks_of_every_protocol_are_refused() -> None:
    soft = torch.full((1, 4), 0.7).numpy()
    hard = soft > 0.5
    for name in PROTOCOLS:
        with pytest.raises(ValueError, match=r"'prediction'.*threshold"):
            amodal_iou(soft, hard, hard, protocol=name)
    for name in CLIP_PROTOCOLS:
        with pytest.raises(ValueError, match=r"'prediction'.*threshold"):
            clip_iou(soft[None], hard[None], hard[None], hard[None], protocol=name)
