"""The decoder on predictions that are made up, so that the result can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from c2fseg.models.decoding import ParallelDecoder

COSINE = dict(type='CosineMaskScheduler')
LINEAR = dict(type='LinearMaskScheduler')


class Script:
    """Returns fixed logits of 4 classes and [MASK], and keeps the tokens it was called with."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits
        self.calls: list[torch.Tensor] = []

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        self.calls.append(tokens.clone())
        return self.logits


def _logits(probabilities: list[list[float]]) -> torch.Tensor:
    """(1,1,L,K+1) with [MASK] by far the likeliest class, which must never be chosen."""
    p = torch.tensor(probabilities).log()
    return torch.cat([p, torch.full((len(p), 1), 50.0)], dim=1)[None, None]


def test_greedy_fixes_the_surest_tokens_first():
    script = Script(
        _logits(
            [[0.7, 0.1, 0.1, 0.1], [0.3, 0.4, 0.2, 0.1], [0, 0, 0.9, 0.1], [0.1, 0, 0.35, 0.55]]
        )
    )
    decoder = ParallelDecoder(LINEAR, num_steps=4, top_k=None, greedy=True)
    tokens = decoder.decode(script, (1, 1, 4), mask_token=4)
    assert tokens.tolist() == [[[0, 1, 2, 3]]]
    # Confidences 0.7, 0.4, 0.9, 0.55; one more token stays fixed after each of the four steps.
    assert [call.flatten().tolist() for call in script.calls] == [
        [4, 4, 4, 4],
        [4, 4, 2, 4],
        [0, 4, 2, 4],
        [0, 4, 2, 3],
    ]


@pytest.mark.parametrize('options', [dict(greedy=True), dict(temperature=0.0)])
def test_a_single_candidate_is_as_certain_as_its_probability_among_all(options):
    logits = _logits([[0.7, 0.1, 0.1, 0.1], [0.3, 0.4, 0.2, 0.1], [0, 0, 0.9, 0.1]])
    script = Script(logits)
    decoder = ParallelDecoder(LINEAR, num_steps=3, top_k=1, **options)
    assert decoder.decode(script, (1, 1, 3), mask_token=4).tolist() == [[[0, 1, 2]]]
    assert [call.flatten().tolist() for call in script.calls] == [[4, 4, 4], [4, 4, 2], [0, 4, 2]]


def test_a_fixed_token_is_never_changed_or_masked_again():
    first = _logits([[0.9, 0.1, 0, 0], [0.6, 0.4, 0, 0]])
    later = _logits([[0, 0.51, 0.49, 0], [0, 0, 0, 1.0]])
    calls = []

    def predict(tokens):
        calls.append(tokens.clone())
        return first if len(calls) == 1 else later

    decoder = ParallelDecoder(LINEAR, num_steps=2, top_k=None, greedy=True)
    assert decoder.decode(predict, (1, 1, 2), mask_token=4).tolist() == [[[0, 3]]]
    assert calls[1].tolist() == [[[0, 4]]]


def test_masked_positions_after_each_step_follow_the_schedule():
    script = Script(torch.zeros(2, 3, 256, 5))
    ParallelDecoder(COSINE, num_steps=3).decode(script, (2, 3, 256), mask_token=4)
    counts = [(call == 4).sum(dim=-1) for call in script.calls]
    assert [int(c.unique()) for c in counts] == [256, 221, 128]


def test_top_k_cuts_the_candidates_and_the_mask_class():
    logits = torch.tensor([0.0, 1.0, 2.0, 3.0, 9.0]).expand(1, 1, 512, 5)
    generator = torch.Generator().manual_seed(3)
    tokens = ParallelDecoder(COSINE, num_steps=1, top_k=2).decode(
        Script(logits), (1, 1, 512), generator, mask_token=4
    )
    assert set(tokens.unique().tolist()) == {2, 3}
    tokens = ParallelDecoder(COSINE, num_steps=1, top_k=100).decode(
        Script(logits), (1, 1, 512), generator, mask_token=4
    )
    assert set(tokens.unique().tolist()) == {0, 1, 2, 3}


def test_samples_follow_the_softmax():
    probabilities = torch.tensor([0.5, 0.3, 0.2])
    logits = torch.cat([probabilities.log(), torch.tensor([5.0])]).expand(1, 1, 20000, 4)
    generator = torch.Generator().manual_seed(0)
    tokens = ParallelDecoder(COSINE, num_steps=1, top_k=None).decode(
        Script(logits), (1, 1, 20000), generator, mask_token=3
    )
    frequencies = tokens.flatten().bincount(minlength=3) / 20000
    # Three standard deviations of a frequency near one half are 0.011.
    assert float((frequencies - probabilities).abs().max()) < 0.012


def test_rounding_changes_no_choice_between_near_ties():
    # Two candidates of nearly the same probability in each of 4096 positions: which one is ahead
    # differs between both runs everywhere, the tokens differ where the noise lies on the border.
    generator = torch.Generator().manual_seed(1)
    ids = torch.rand(4096, 8, generator=generator).argsort(dim=-1)[:, :2]  # (4096,2)
    nudge = torch.full((4096, 2), 1e-6)
    nudge[:, 1] = -1e-6

    def decode(sign):
        logits = torch.full((4096, 9), -9.0).scatter(-1, ids, 4 + sign * nudge)[None, None]
        decoder = ParallelDecoder(COSINE, num_steps=1, top_k=2)
        return decoder.decode(
            Script(logits), (1, 1, 4096), torch.Generator().manual_seed(2), mask_token=8
        )

    first, second = decode(1), decode(-1)
    share = (first.flatten() == ids[:, 0]).float().mean()
    assert abs(float(share) - 0.5) < 0.03  # both are taken: standard deviation 0.008
    assert int((first != second).sum()) <= 1


def test_without_temperature_the_confidence_is_the_probability_of_the_sample():
    # One candidate each, so sampling is certain; half of the positions stay after the first step.
    certain = torch.full((1, 1, 4, 5), -math.inf)
    certain[..., 0] = torch.tensor([3.0, 2.0, 1.0, 0.0])
    certain[..., 1] = 0.0
    script = Script(certain)
    decoder = ParallelDecoder(LINEAR, num_steps=2, top_k=2, temperature=0.0, greedy=True)
    decoder.decode(script, (1, 1, 4), mask_token=4)
    assert script.calls[1].tolist() == [[[0, 0, 4, 4]]]


def test_greedy_does_not_depend_on_the_generator():
    script = Script(torch.rand(1, 1, 64, 9, generator=torch.Generator().manual_seed(5)))
    decoder = ParallelDecoder(COSINE, num_steps=3, greedy=True)
    results = [
        decoder.decode(script, (1, 1, 64), torch.Generator().manual_seed(s), mask_token=8)
        for s in (0, 1)
    ]
    assert torch.equal(*results)


def test_the_same_generator_gives_the_same_tokens_and_another_one_others():
    script = Script(torch.rand(1, 1, 64, 9, generator=torch.Generator().manual_seed(5)))
    decoder = ParallelDecoder(COSINE, num_steps=3)
    results = [
        decoder.decode(script, (1, 1, 64), torch.Generator().manual_seed(s), mask_token=8)
        for s in (0, 0, 1)
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_generator_per_item_makes_items_independent_of_their_batch():
    logits = torch.rand(3, 2, 64, 9, generator=torch.Generator().manual_seed(5))
    decoder = ParallelDecoder(COSINE, num_steps=3)

    def generators():
        return [torch.Generator().manual_seed(seed) for seed in (10, 11, 12)]

    together = decoder.decode(Script(logits), (3, 2, 64), generators(), mask_token=8)
    for index, generator in enumerate(generators()):
        alone = decoder.decode(
            Script(logits[index : index + 1]), (1, 2, 64), [generator], mask_token=8
        )
        assert torch.equal(alone[0], together[index])


def test_the_mask_token_is_found_out_when_it_is_not_given():
    script = Script(torch.rand(1, 1, 16, 6, generator=torch.Generator().manual_seed(5)))
    tokens = ParallelDecoder(COSINE, num_steps=2).decode(script, (1, 1, 16))
    assert bool((tokens < 5).all())
    assert bool((script.calls[1] == 5).all())


@pytest.mark.parametrize(
    'bad',
    [
        dict(num_steps=0),
        dict(num_steps=2.5),
        dict(num_steps='3'),
        dict(top_k=0),
        dict(top_k=1.5),
        dict(temperature=-1.0),
        dict(scheduler=dict(type='X')),
    ],
)
def test_bad_arguments_are_errors(bad):
    with pytest.raises((ValueError, KeyError)):
        ParallelDecoder(**{'scheduler': COSINE, **bad})


def test_bad_calls_are_errors():
    decoder = ParallelDecoder(COSINE)
    script = Script(torch.zeros(2, 1, 4, 5))
    with pytest.raises(ValueError, match='shape must be'):
        decoder.decode(script, (2, 4), mask_token=4)
    with pytest.raises(ValueError, match='one generator for each of 2 items'):
        decoder.decode(script, (2, 1, 4), [torch.Generator()], mask_token=4)
    with pytest.raises(ValueError, match='expected logits of 8 classes, got 5'):
        decoder.decode(script, (2, 1, 4), mask_token=7)
