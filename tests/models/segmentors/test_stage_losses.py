"""The losses of the second stage against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from c2fseg.models.segmentors.stage_losses import (
    dice_loss,
    hide_tokens,
    refinement_losses,
    sample_tokens,
    token_loss,
)


def test_token_loss_by_hand():
    # Probabilities (1/2, 1/4, 1/4), truth class 0, smoothing 0.3: 0.7 + 0.1 on class 0.
    logits = torch.tensor([0.5, 0.25, 0.25]).log().view(1, 1, 1, 3)
    expected = 0.8 * math.log(2) + 0.2 * math.log(4)
    loss = token_loss(logits, torch.zeros(1, 1, 1, dtype=torch.long), label_smoothing=0.3)
    assert float(loss) == pytest.approx(expected)


def test_token_loss_of_some_positions_is_their_mean():
    logits = torch.tensor([[0.5, 0.5], [0.75, 0.25], [0.1, 0.9]]).log().view(1, 1, 3, 2)
    target = torch.zeros(1, 1, 3, dtype=torch.long)
    positions = torch.tensor([[[True, True, False]]])
    loss = token_loss(logits, target, 0.0, positions)
    assert float(loss) == pytest.approx((math.log(2) - math.log(0.75)) / 2)
    assert float(token_loss(logits, target, 0.0, torch.zeros_like(positions))) == 0.0


def test_dice_by_hand():
    # Two of two pixels right, one of two wrong: 2 * 2 + 1 over (3 + 2) + 1.
    logits = torch.tensor([50.0, 50.0, 50.0, -50.0]).view(1, 1, 2, 2)
    target = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2)
    assert float(dice_loss(logits, target)) == pytest.approx(1 - 5 / 6)


@pytest.mark.parametrize('size', ['crop', 'logits'])
def test_where_the_refined_mask_is_compared(size):
    # One logit of +100 over four pixels of which one (or, averaged, a quarter) is foreground.
    target = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    logits = torch.full((1, 1, 1, 1), 100.0)
    losses = refinement_losses('amodal', logits, target, 1.0, 'bce', size)
    assert set(losses) == {'loss_amodal'}
    # 100 per wrong pixel; the mean target is 0.25 in both cases, so the numbers agree.
    assert float(losses['loss_amodal']) == pytest.approx(75.0)
    dice = refinement_losses('amodal', logits, target, 2.0, 'bce_dice', size)
    assert float(dice['loss_amodal']) == pytest.approx(150.0)
    # crop: overlap 1, total 4 + 1; logits: overlap 0.25, total 1 + 0.25.
    by_hand = {'crop': 1 - 3 / 6, 'logits': 1 - 1.5 / 2.25}[size]
    assert float(dice['loss_amodal_dice']) == pytest.approx(2 * by_hand)


def test_hidden_positions_have_the_right_number_and_are_random():
    torch.manual_seed(0)
    tokens = torch.arange(256).expand(3, 2, 256)
    hidden_tokens, hidden = hide_tokens(tokens, torch.tensor([0.5, 0.999, 1.0]), 256)
    assert hidden.sum(dim=-1).tolist() == [[128, 128], [255, 255], [256, 256]]
    assert bool((hidden_tokens[hidden] == 256).all())
    assert torch.equal(hidden_tokens[~hidden], tokens[~hidden])
    assert not torch.equal(hidden[0, 0], hidden[0, 1])


def test_samples_come_from_the_top_candidates():
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 2.0, 3.0, 1.0]).expand(1, 1, 4000, 4)
    tokens = sample_tokens(logits, 2)
    assert set(tokens.unique().tolist()) == {1, 2}
    share = float((tokens == 2).float().mean())
    assert share == pytest.approx(1 / (1 + math.exp(-1)), abs=0.025)
