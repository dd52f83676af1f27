"""Nearest codes, the straight-through gradient, counters and the revival of dead codes."""

from __future__ import annotations

import math

import pytest
import torch

from c2fseg.models.tokenizers import VectorQuantizer


def _quantizer(codes, **args):
    codes = torch.tensor(codes)
    quantizer = VectorQuantizer(*codes.shape, **args)
    quantizer.codebook.data.copy_(codes)
    return quantizer


def test_codes_start_uniform_within_one_over_k():
    codebook = VectorQuantizer(64, 32).codebook.detach()
    assert codebook.abs().max() <= 1 / 64
    assert float(codebook.std()) == pytest.approx(1 / 64 / math.sqrt(3), rel=0.1)


def test_nearest_code_by_brute_force():
    torch.manual_seed(0)
    quantizer = VectorQuantizer(19, 5)
    quantizer.codebook.data.normal_()
    vectors = torch.randn(200, 5)
    by_hand = (vectors[:, None] - quantizer.codebook[None]).pow(2).sum(-1).argmin(1)
    assert torch.equal(quantizer.nearest(vectors), by_hand)


def test_tokens_run_row_by_row_and_look_up_their_codes():
    quantizer = _quantizer([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    latent = torch.tensor([[[0.9, 0.1, 0.0], [0.0, 0.0, 0.8]], [[0.0, 0.9, 0.1], [0.0, 0.7, 0.0]]])
    latent = latent[None]  # (1, 2, 2, 3)
    tokens = quantizer.tokenize(latent)
    assert tokens.tolist() == [[1, 2, 0, 0, 2, 1]]
    codes = quantizer.lookup(tokens, (2, 3))
    assert codes[0, :, 0, 0].tolist() == [1.0, 0.0]
    assert codes[0, :, 1, 1].tolist() == [0.0, 1.0]
    assert codes.shape == latent.shape


def test_straight_through_gradient_and_losses():
    quantizer = _quantizer([[0.0, 0.0], [1.0, 1.0]])
    latent = torch.tensor([[[[0.8]], [[0.6]]]], requires_grad=True)  # (1, 2, 1, 1)
    output = quantizer(latent)
    assert output.latent.flatten().tolist() == pytest.approx([1.0, 1.0])
    # Mean over two numbers of (1 - 0.8)^2 and (1 - 0.6)^2.
    assert float(output.codebook_loss) == pytest.approx(0.1)
    assert float(output.commitment_loss) == pytest.approx(0.1)

    (gradient,) = torch.autograd.grad(
        (output.latent * torch.tensor([3.0, 5.0]).view(1, 2, 1, 1)).sum(), latent, retain_graph=True
    )
    assert gradient.flatten().tolist() == [3.0, 5.0]
    (gradient,) = torch.autograd.grad(output.commitment_loss, latent, retain_graph=True)
    assert gradient.flatten().tolist() == pytest.approx([-0.2, -0.4])
    (gradient,) = torch.autograd.grad(output.codebook_loss, quantizer.codebook)
    assert gradient[0].tolist() == [0.0, 0.0]
    assert gradient[1].tolist() == pytest.approx([0.2, 0.4])


def test_perplexity_and_dead_codes():
    quantizer = _quantizer([[0.0], [1.0], [2.0], [3.0]], revive_every=None)
    output = quantizer(torch.tensor([[[[0.0, 1.0, 2.1, 2.0]]]]))
    # Shares 1/4, 1/4, 1/2: entropy 1.5 bits.
    assert float(output.perplexity) == pytest.approx(2**1.5)
    assert float(output.dead_codes) == 1


def test_revival_makes_dead_codes_alive():
    torch.manual_seed(0)
    quantizer = VectorQuantizer(32, 4, revive_every=3)
    quantizer.codebook.data.add_(100.0)  # far off: one code takes all
    latent = torch.randn(8, 4, 4, 4)
    dead = [float(quantizer(latent).dead_codes) for _ in range(4)]
    assert dead[:3] == [31, 31, 31]
    assert dead[3] < 8
    revived = (quantizer.codebook.abs() < 50).all(1)
    vectors = latent.permute(0, 2, 3, 1).reshape(-1, 4)
    is_output = (quantizer.codebook[revived][:, None] == vectors[None]).all(-1).any(-1)
    assert revived.sum() == 31
    assert is_output.all()


def test_revival_leaves_codes_in_use_and_the_gradient_alone():
    torch.manual_seed(0)
    quantizer = _quantizer([[0.0], [1.0], [500.0]], revive_every=1)
    latent = torch.tensor([[[[0.1, 0.9]]]], requires_grad=True)
    quantizer(latent)
    output = quantizer(latent)  # revives the third code before the search
    (output.latent.sum() + output.codebook_loss + output.commitment_loss).backward()
    assert quantizer.codebook[:2].flatten().tolist() == [0.0, 1.0]
    assert min(abs(float(quantizer.codebook[2]) - v) for v in (0.1, 0.9)) < 1e-6
    assert latent.grad is not None


@pytest.mark.parametrize(('revive_every', 'training'), [(None, True), (1, False)])
def test_no_revival_when_switched_off_or_evaluating(revive_every, training):
    quantizer = VectorQuantizer(8, 2, revive_every).train(training)
    before = quantizer.codebook.clone()
    for _ in range(3):
        quantizer(torch.randn(1, 2, 4, 4))
    assert torch.equal(quantizer.codebook, before)
    assert int(quantizer.num_passes) == (3 if training else 0)


def test_revival_when_every_vector_lies_on_a_code():
    quantizer = _quantizer([[0.0], [5.0]], revive_every=1)
    latent = torch.zeros(1, 1, 2, 2)
    quantizer(latent)
    assert torch.isfinite(quantizer(latent).latent).all()
    assert quantizer.codebook.flatten().tolist() == [0.0, 0.0]


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match='revive_every must be a positive'):
        VectorQuantizer(4, 2, revive_every=0)
    with pytest.raises(ValueError, match=r'\[0, 3\].*mask token'):
        VectorQuantizer(4, 2).lookup(torch.tensor([[4]]), (1, 1))
